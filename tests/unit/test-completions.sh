#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Both shells offer the verbs, options and states that `sctpctl --help` tells. zsh's is asked where there is one.

folder=$(cd "$(dirname "$0")/../../completions" && pwd)
sctpctl=${SCTPCTL:-$PWD/sctpctl}
export LC_ALL=C.UTF-8
n=0

same() { # description told offered
        local difference ok=ok
        n=$((n + 1))
        difference=$(diff <(tr ' ' '\n' <<<"$2" | sort -u | grep .) <(tr ' ' '\n' <<<"$3" | sort -u | grep .)) ||
                ok='not ok'
        echo "$ok $n - $1"
        [ -z "$difference" ] || echo "# ${difference//$'\n'/$'\n# '}"
}

told_verbs() {
        "$sctpctl" --help | sed -nE '/^$/,$ s/^  ([a-z]+) +[A-Z].*/\1/p'
        echo help
}

# "-j" has no long form; what has a short one as well is compared by the long one.
told_options() {
        "$sctpctl" "$1" --help | sed -nE 's/^  +(-[a-z] )? *(--[a-z-]+).*/\2/p; s/^  +(-j) .*/\1/p'
}

told_states() {
        "$sctpctl" "$1" --help | sed -n 's/^States: //p'
}

# By bash: the words that follow "sctpctl ARGUMENT... CURRENT".
bash_offers() {
        bash -c '
                . "$1"
                shift
                _comp_initialize() { words=("${arguments[@]}") cword=$((${#words[@]} - 1)) cur=${words[-1]} prev=${words[-2]}; }
                compopt() { :; }
                arguments=("$@")
                _sctpctl
                printf "%s\n" "${COMPREPLY[@]%=}"
        ' bash "$folder/sctpctl" sctpctl "$@"
}

# By zsh: what the function would hand over to the completion system after "sctpctl VERB".
zsh_offers() { # verbs|options|states [VERB]
        zsh -f -c '
                wanted=$2 verb=$3
                _describe() { print -l -- ${verbs%%:*}; }
                _arguments() {
                        if [[ $1 == -C ]]; then
                                line=($verb) state=rest
                                return 1
                        fi
                        case $wanted in
                        options) print -l -- "${@[@]}" | sed -nE "s/^(\([^)]*\))?(-j|--[a-z-]+).*/\2/p" ;;
                        states) print -l -- "${@[@]}" | sed -nE "s/^--state=.*\((.*)\)/\1/p" ;;
                        esac
                }
                . $1
                [[ $wanted != verbs ]] || _sctpctl_verbs
        ' zsh "$folder/_sctpctl" "$@"
}

shells=bash
command -v zsh >/dev/null && shells='bash zsh'
verbs=$(told_verbs)
for shell in $shells; do
        if [ "$shell" = bash ]; then
                same "bash: verbs" "${verbs//$'\n'/ }" "$(bash_offers '')"
        else
                same "zsh: verbs" "${verbs//$'\n'/ }" "$(zsh_offers verbs)"
        fi
        for verb in $verbs; do
                [ "$verb" != help ] || continue
                if [ "$shell" = bash ]; then
                        options=$(bash_offers "$verb" --) states=$(bash_offers "$verb" --state '')
                        # Offered by "-", and so not by "--".
                        options+=" $(bash_offers "$verb" -j)"
                else
                        options=$(zsh_offers options "$verb") states=$(zsh_offers states "$verb")
                fi
                same "$shell: options of $verb" "$(told_options "$verb" | tr '\n' ' ')" "${options//$'\n'/ }"
                [ -z "$(told_states "$verb")" ] || same "$shell: states of $verb" "$(told_states "$verb")" "$states"
        done
done
echo "1..$n"
