#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What sctpctl prints, compared with golden files, and how it takes a daemon that misbehaves.
# UPDATE_GOLDEN=1 writes the golden files anew: look at the difference before you commit it.

here=$(cd "$(dirname "$0")" && pwd)
golden=$here/golden
data=${TEST_DATA:-$here/../data}
sctpctl=${SCTPCTL:-$PWD/sctpctl}
fake=${FAKE_DAEMON:-$PWD/tests/unit/fake-daemon}
fields_page=${FIELDS_PAGE:-$PWD/man/fields-page}
scratch=$(mktemp -d) || exit 99
daemon=
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null; rm -rf "$scratch"' EXIT

export LC_ALL=C.UTF-8 TZ=UTC
unset NO_COLOR COLUMNS PAGER SCTPCTL_PAGER SCTPMON_SOCKET
n=0

result() { # ok-or-not description
        n=$((n + 1))
        if [ "$1" = 0 ]; then
                echo "ok $n - $2"
        else
                echo "not ok $n - $2"
                sed 's/^/# /' "$scratch/why" 2>/dev/null
        fi
        rm -f "$scratch/why"
}

# Runs sctpctl; leaves out, err and code.
run() {
        timeout 30 "$sctpctl" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
        code=$?
}

expect() { # description code
        if [ "$code" != "$2" ]; then
                { echo "exit code $code, expected $2"; cat "$scratch/err"; } >"$scratch/why"
                result 1 "$1"
        else
                result 0 "$1"
        fi
}

same() { # description code golden-file: standard output is this file
        [ -z "$UPDATE_GOLDEN" ] || cp "$scratch/out" "$golden/$3"
        if ! diff -u "$golden/$3" "$scratch/out" >"$scratch/why"; then
                result 1 "$1"
        else
                expect "$1" "$2"
        fi
}

says() { # description code text: standard error holds this text
        if ! grep -qF -- "$3" "$scratch/err"; then
                { echo "expected on standard error: $3"; cat "$scratch/err"; } >"$scratch/why"
                result 1 "$1"
        else
                expect "$1" "$2"
        fi
}

# What is different each time.
steady() {
        sed -E -i 's/"(startedAt|ageMs|durationUs|lastRun)":( ?)("[^"]*"|[0-9]+)/"\1":\2"?"/g
                s/tables [0-9.]+m?s ago/tables 0ms ago/' "$scratch/out"
}

tree() { # name kernel sample
        local dir=$scratch/$1/proc/net/sctp table
        mkdir -p "$dir"
        for table in eps assocs remaddr snmp; do
                cp "$data/$2/$3.$table" "$dir/$table"
        done
        echo "Linux version $2.0" >"$scratch/$1/proc/version"
}

tree server 6.1 healthy.ns_b
tree down 6.1 path2_down.ns_a
tree empty 6.12 empty.rootns

# Tables and JSON

for verb in eps assocs paths stats; do
        for t in server down empty; do
                run $verb --root="$scratch/$t"
                same "$verb of $t: table" 0 "$verb.$t.txt"
                run $verb --root="$scratch/$t" --json=pretty
                steady
                same "$verb of $t: pretty JSON" 0 "$verb.$t.pretty.json"
                run $verb --root="$scratch/$t" --json=short
                steady
                same "$verb of $t: short JSON" 0 "$verb.$t.short.json"
        done
done

run eps --root="$scratch/server" -j
same "-j into a pipe is short" 0 eps.server.short.json
run eps --root="$scratch/server" --no-legend
tail -n +2 "$golden/eps.server.txt" | diff -u - "$scratch/out" >"$scratch/why"
result $? "--no-legend leaves out the header"
run eps --root="$scratch/server" --color=never
same "--color=never" 0 eps.server.txt
run assocs --root="$scratch/down" --color=always
same "--color=always, also into a pipe" 0 assocs.down.color.txt

# What the kernel's own table says, field by field
run eps --root="$scratch/server" --no-legend
awk '
        function short(a) { gsub(/:0+/, ":", a); sub(/^0+/, "", a); sub(/:::+/, "::", a); return a }
        BEGIN { style[0] = "one_to_many"; style[1] = "peeled_off"; style[2] = "one_to_one"; state[10] = "listening" }
        FNR > 1 {
                l = ""
                for (i = 9; i <= NF; i++) { a = $i; if (a ~ /:/) a = a == "0000:0000:0000:0000:0000:0000:0000:0000" ? "::" : short(a); l = l (l ? "," : "") a }
                print l, $6, state[$4], style[$3], $7, $8
        }' "$data/6.1/healthy.ns_b.eps" | sort >"$scratch/kernel"
awk '{ print $1, $2, $3, $4, $5, $6 }' "$scratch/out" | sort | diff -u "$scratch/kernel" - >"$scratch/why"
result $? "eps has every field of the kernel's table"

# The kernel's own tables

for t in server down empty; do
        run eps --raw --root="$scratch/$t"
        cmp "$scratch/$t/proc/net/sctp/eps" "$scratch/out" >"$scratch/why" 2>&1
        result $? "eps --raw of $t"
        run assocs --raw --root="$scratch/$t"
        cmp "$scratch/$t/proc/net/sctp/assocs" "$scratch/out" >"$scratch/why" 2>&1
        result $? "assocs --raw of $t"
        run stats --raw --root="$scratch/$t"
        cmp "$scratch/$t/proc/net/sctp/snmp" "$scratch/out" >"$scratch/why" 2>&1
        result $? "stats --raw of $t"
done
run eps --raw --root="$scratch/nowhere"
says "--raw of nothing" 3 "No such file"

# Filters

matches() { # description count options…: so many rows, and 4 when none
        local description=$1 count=$2
        shift 2
        run "$@" --no-legend
        [ "$(wc -l <"$scratch/out")" = "$count" ] || { cat "$scratch/out" >"$scratch/why"; result 1 "$description"; return; }
        expect "$description" "$([ "$count" = 0 ] && echo 4 || echo 0)"
}

matches "eps --port" 1 eps --root="$scratch/server" --port=5007
matches "eps --port of nobody" 0 eps --root="$scratch/server" --port=9
matches "eps --local" 2 eps --root="$scratch/server" --local=10.0.2.2
matches "eps --local with port" 1 eps --root="$scratch/server" --local=10.0.2.2:5063
matches "eps --state" 7 eps --root="$scratch/server" --state=listening
matches "eps --state of nobody" 0 eps --root="$scratch/server" --state=closed
matches "assocs --port" 1 assocs --root="$scratch/server" --port=38343
matches "assocs --peer" 5 assocs --root="$scratch/server" --peer=10.0.1.1
matches "assocs --peer with port" 1 assocs --root="$scratch/server" --peer='[fd00:1::1]:49985'
matches "assocs --state" 1 assocs --root="$scratch/down" --state=cookie_wait
matches "assocs --state as RFC 9260 writes it" 1 assocs --root="$scratch/down" --state=COOKIE-WAIT
matches "assocs --impaired" 5 assocs --root="$scratch/down" --impaired
matches "assocs --impaired of nobody" 0 assocs --root="$scratch/server" --impaired --port=5001
matches "assocs --container of nobody" 0 assocs --root="$scratch/server" --container=web
matches "paths" 14 paths --root="$scratch/down"
matches "paths --peer" 2 paths --root="$scratch/down" --peer=10.0.1.2:5000
matches "paths --state of the association" 1 paths --root="$scratch/down" --state=cookie_wait
matches "paths --state of the path" 5 paths --root="$scratch/down" --state=inactive
matches "paths --state of nobody" 0 paths --root="$scratch/down" --state=pf
matches "assocs, two filters" 1 assocs --root="$scratch/down" --state=established --port=5007
run eps --root="$scratch/server" --port=9 --json=short
[ "$(cat "$scratch/out")" = "[]" ]
result $? "nothing found is an empty array"

# Usage

usage() { # text options…
        local text=$1
        shift
        run "$@"
        says "usage: $*" 2 "$text"
}

run
expect "no verb: help" 0
for verb in "" eps assocs show paths netns monitor trace log wait check stats status explain; do
        run $verb --help
        grep -q -- --json "$scratch/out"
        result $? "sctpctl $verb --help"
done
run help
grep -q "sctpctl VERB --help" "$scratch/out"
result $? "sctpctl help"
run help assocs
grep -q -- --watch "$scratch/out"
result $? "sctpctl help assocs"
run --version
expect "--version" 0
usage 'Did you mean "assocs"' asocs
usage "Verbs are: eps, assocs, show, paths, netns, monitor, trace, log, wait, check, stats, status, explain" nonsense
usage "Did you mean --json" eps --jsno=short
usage "no option -x" eps -x
usage "pretty|short|off" eps --json=yes
usage "from 1 to 65535" eps --port=0
usage "from 1 to 65535" eps --port=65536
usage "from 1 to 65535" eps --port=+1
usage "needs a value" eps --port
usage "takes no value" eps --wide=1
usage "ADDR:PORT" assocs --peer=10.0.0.1:99999
usage "ADDR:PORT" assocs --local=host
usage "NAME" assocs --peer=a/b
usage 'Did you mean "listening"' eps --state=listning
usage 'Did you mean "listening"' eps --state=LISTEN
usage "expected one of closed, cookie_wait" assocs --state=listening
usage "no option --watch" eps --watch
usage "no option --peer" eps --peer=::1
usage "no option --raw" status --raw
usage "no option --impaired" eps --impaired
usage "no option --all" assocs --all
usage "no option --stats" paths --stats
usage "a container's name or id" eps --container=
usage "a container's name or id" eps --container="$(printf '%072d' 0)"
usage "a container's name or id" eps --container="$(printf '\377')"
usage "pid:N or inode:N" eps --netns="$(printf '\377')"
usage 'Did you mean "inactive"' paths --state=inaktive
usage "not together with --all" eps --raw --all
usage "not together with --stats" show 1 --root=/ --stats
usage "expected the id of an association" show ten
usage "expected the id of an association" show 0
usage "expected the id of an association" show 4294967296
usage "needs the id of an association, or a filter" show
usage 'show takes one ID: what is "2"' show 1 2
usage "pid:N or inode:N" eps --netns=/x
usage "pid:N or inode:N" eps --netns=pid:x
usage "not together with --json" eps --raw -j
usage "not together with filters" eps --raw --port=1
usage "not together with --netns" eps --root=/ --netns=host
usage "not together with --watch" assocs --root=/ --watch
usage 'what is "more"' eps more

# Without a daemon

run eps --root="$scratch/nowhere"
says "no such tree" 1 "No such file or directory"
run eps --root="$scratch"
says "a tree without SCTP" 3 "SCTP is not available"
run status --socket="$scratch/none"
says "status needs the daemon" 1 "systemctl start sctpmond"
run assocs --watch --socket="$scratch/none"
says "--watch needs the daemon" 1 "systemctl start sctpmond"
run eps --socket="$scratch/none"
grep -q "reading this host without it" "$scratch/err"
result $? "eps reads the host without it, and says so"

# A malformed row

tree broken 6.1 healthy.ns_b
printf 'x y \033[31m z\n' >>"$scratch/broken/proc/net/sctp/eps"
run eps --root="$scratch/broken" --json=short
same "a malformed row: the others are listed" 0 eps.server.short.json
run eps --root="$scratch/broken"
says "a malformed row is told" 0 "line 9"
! grep -q "$(printf '\033')" "$scratch/err"
result $? "and does nothing to the terminal"

# The daemon

start() { # the script of the fake daemon on standard input
        cat >"$scratch/script"
        # The one before has been ready, too.
        rm -f "$scratch/socket" "$scratch/requests"
        "$fake" "$scratch/socket" <"$scratch/script" >"$scratch/requests" &
        daemon=$!
        for _ in $(seq 100); do
                grep -qs ready "$scratch/requests" && return
                sleep 0.05
        done
}

stop() {
        kill "$daemon" 2>/dev/null
        wait "$daemon" 2>/dev/null
        daemon=
}

scan='"scan":{"serial":7,"startedAt":"2026-01-31T12:00:00.000Z","ageMs":3,"durationUs":90,"stale":false}'
endpoint='{"netns":1,"localPort":36412,"localAddresses":["10.0.0.1","fd00::1"],"state":"listening","style":"one_to_many","inode":5,"uid":0}'
association='{"associationId":4,"netns":1,"localPort":36412,"peerPort":3868,"localAddresses":["10.0.0.1"],"peerAddresses":["10.0.0.2","10.0.1.2"],"primaryAddress":"10.0.1.2","state":"established","heartbeatIntervalMs":2500,"paths":[{"address":"10.0.0.2","primary":false,"state":"active"},{"address":"10.0.1.2","primary":true,"state":"active"}]}'

start <<<"{\"parameters\":{\"endpoint\":$endpoint},\"continues\":true}
{\"parameters\":{$scan}}"
run eps --socket="$scratch/socket" --port=36412 --local='[fd00:0::1]:36412' --netns=host
same "eps by the daemon" 0 eps.daemon.txt
[ ! -s "$scratch/err" ]
result $? "nothing to say on standard error"
stop
tail -n 1 "$scratch/requests" >"$scratch/out"
code=0
same "the call" 0 eps.daemon.request

start <<<"{\"parameters\":{\"association\":$association},\"continues\":true}
{\"parameters\":{${scan/\"ageMs\":3/\"ageMs\":4200}}}"
run assocs --socket="$scratch/socket"
same "assocs by the daemon" 0 assocs.daemon.txt
says "an old scan is told" 0 "4.2s old"
stop

start <<<"{\"parameters\":{${scan/false/true}}}"
run eps --socket="$scratch/socket"
says "a stale scan is told" 0 "could not be read anew"
stop

start <<<'{"error":"io.sctpmon.Monitor.SctpNotAvailable","parameters":{"reason":"no \u001b[31mmodule","advice":"load it"}}'
run eps --socket="$scratch/socket"
says "SCTP not available" 3 'no \x1b[31mmodule'
says "and what to do" 3 "load it"
[ ! -s "$scratch/out" ]
result $? "no table then"
stop

start <<<'{"error":"io.sctpmon.Monitor.NamespaceNotFound","parameters":{"netns":"blue"}}'
run eps --netns=blue --socket="$scratch/socket"
says "no such namespace" 4 "no network namespace blue"
stop

start <<<"{\"parameters\":{\"endpoint\":{\"localPort\":1,\"localAddresses\":[\"$(printf '\\u001b]0;owned\\u0007')\"],\"state\":\"\\u009b2J\\u0000\"}},\"continues\":true}
{\"parameters\":{$scan}}"
run eps --socket="$scratch/socket"
says "a NUL in a string is no JSON of ours" 1 "does not speak Varlink"
stop

start <<<"{\"parameters\":{\"endpoint\":{\"localPort\":1,\"localAddresses\":[\"$(printf '\\u001b]0;owned\\u0007')\"],\"state\":\"\\u009b2J\"}},\"continues\":true}
{\"parameters\":{$scan}}"
run eps --socket="$scratch/socket"
same "escape sequences are escaped" 0 eps.escaped.txt
stop

start <<<'@part HTTP/1.1 400 Bad Request
@fill 10
{not json'
run eps --socket="$scratch/socket"
says "garbage" 1 "does not speak Varlink"
stop

start <<<'@fill 17000000'
run eps --socket="$scratch/socket"
says "a reply without end" 1 "does not speak Varlink"
stop

start <<<'@part {"parameters":{"endpoi'
run eps --socket="$scratch/socket"
says "closed in the middle of a reply" 1 "closed the connection"
stop

start <<<"{\"parameters\":{\"endpoint\":$endpoint},\"continues\":true}"
run eps --socket="$scratch/socket" --json=short
says "closed in the middle of a list" 1 "closed the connection"
! grep -q ']$' "$scratch/out"
result $? "and a part of a list is no whole one"
stop

# It ends and is started anew while somebody waits for an answer.
again() { # description golden-file text options…: what is closed first is asked for once more
        local description=$1 file=$2 text=$3
        shift 3
        start <<<"$text"
        run "$@" --socket="$scratch/socket"
        same "$description" 0 "$file"
        [ ! -s "$scratch/err" ] && [ "$(grep -c '"method"' "$scratch/requests")" = 2 ] &&
                [ "$(tail -n +2 "$scratch/requests" | sort -u | wc -l)" = 1 ]
        result $? "$description: with the same call, and nothing is said of it"
        stop
}

again "closed before a list: asked again" eps.daemon.txt "@accept
{\"parameters\":{\"endpoint\":$endpoint},\"continues\":true}
{\"parameters\":{$scan}}" eps --port=36412

start <<<"@accept
@accept
{\"parameters\":{$scan}}"
run eps --socket="$scratch/socket"
says "closed twice: not asked a third time" 1 "closed the connection"
stop

start <<<"{\"parameters\":{\"endpoint\":$endpoint},\"continues\":true}
@accept
{\"parameters\":{$scan}}"
run eps --socket="$scratch/socket" --json=short
says "closed in the middle of a list: not asked again" 1 "closed the connection"
stop

start <<<"@accept
{\"parameters\":{\"association\":$association},\"continues\":true}
{\"parameters\":{$scan}}"
run check --peer=10.0.0.2 --socket="$scratch/socket"
grep -q ^OK "$scratch/out" || cp "$scratch/out" "$scratch/why"
expect "check: closed before its answer, asked again" 0
stop

start <<<'@hang'
run eps --socket="$scratch/socket"
says "no answer" 5 "has not answered within 5s"
stop

start <<<"{\"parameters\":[]}"
run stats --socket="$scratch/socket"
says "parameters of the wrong type" 1 "does not speak Varlink"
stop

start <<<"{\"parameters\":{\"counters\":{\"SctpCurrEstab\":2,\"SctpNew\\u0007\":3},$scan}}"
run stats --socket="$scratch/socket"
same "stats by the daemon, an unknown counter too" 0 stats.daemon.txt
stop

status="{\"parameters\":{\"version\":\"0.1.0\",\"pid\":10,\"scannerPid\":11,\"startedAt\":\"2026-01-31T11:00:00.000Z\",\"netns\":4026531840,\"sctpAvailable\":false,\"reason\":\"module sctp is blacklisted in a.conf\",\"advice\":\"take it out\",\"intervalMs\":1000,\"effectiveIntervalMs\":4000,\"notice\":\"scans take 200ms\",\"namespaces\":5,\"cpuUs\":900,\"dearCpuUs\":400,\"endpoints\":2,\"associations\":3,$scan,\"sources\":[{\"name\":\"eps\",\"result\":\"read\",\"rows\":2,\"malformed\":1,\"waiting\":0,\"durationUs\":120},{\"name\":\"socket_options\",\"result\":\"read\",\"rows\":8,\"malformed\":0,\"waiting\":6,\"durationUs\":12345,\"lastRun\":\"2026-01-31T11:59:57.500Z\",\"holdMaxUs\":74},{\"name\":\"owners\",\"result\":\"read\",\"rows\":8,\"malformed\":0,\"waiting\":0,\"durationUs\":80,\"reason\":\"descriptors of 3 processes may not be read\"},{\"name\":\"sock_diag\",\"result\":\"failed\",\"rows\":0,\"malformed\":0,\"durationUs\":0,\"reason\":\"Operation not permitted\"}],\"complaints\":[{\"source\":\"eps\",\"line\":3,\"text\":\"LPORT: \\\\x1bfoo\"}],\"clients\":{\"connected\":2,\"monitors\":1,\"refusedConnections\":0,\"refusedMessages\":4,\"overruns\":0},\"journal\":{\"queued\":0,\"sent\":12,\"lost\":1,\"saveError\":\"Read-only file system\"}}}"
start <<<"$status"
run status --socket="$scratch/socket"
same "status" 0 status.txt
stop
start <<<"$status"
run status --socket="$scratch/socket" --json=pretty
same "status as JSON" 0 status.pretty.json
stop

# All of the host: owners, containers, namespaces, what is impaired, where NAT led a peer

owner='{"pid":1234,"command":"mme","uid":0,"unit":"mme.service"}'
contained='{"pid":77,"command":"smf\u001b","uid":0,"unit":"docker.service","container":"web","containerId":"0123456789abcdef","runtime":"docker","pod":"1-2"}'
more_endpoints="{\"parameters\":{\"endpoint\":${endpoint/%\}/,\"netnsName\":\"blue\",\"owners\":[$owner,$contained]\}}},\"continues\":true}
{\"parameters\":{\"endpoint\":{\"netns\":2,\"localPort\":200,\"localAddresses\":[\"::\"],\"state\":\"listening\",\"inode\":6,\"uid\":0,\"owners\":[{\"pid\":9,\"command\":\"docker-proxy\",\"uid\":0}],\"forwardsToAddress\":\"172.17.0.2\",\"forwardsToPort\":202}},\"continues\":true}
{\"parameters\":{\"endpoint\":{\"netns\":3,\"localPort\":202,\"localAddresses\":[\"0.0.0.0\"],\"container\":\"web\",\"owners\":[$contained]}},\"continues\":true}
{\"parameters\":{$scan}}"
start <<<"$more_endpoints"
run eps --socket="$scratch/socket" --all --container=web
same "eps with owners, containers and namespaces" 0 eps.owners.txt
grep -qF '"parameters":{"filter":{"container":"web"},"all":true}' "$scratch/requests"
result $? "--all and --container= are passed on"
stop

full='{"associationId":7,"netns":3,"localPort":202,"peerPort":6001,"state":"established","socketState":"established","attachment":"socket","style":"one_to_one","inode":99,"uid":0,"heartbeatIntervalMs":30000,"inStreams":10,"outStreams":8,"transmitQueueBytes":1,"receiveQueueBytes":2,"maxRetransmissions":10,"initRetransmissions":3,"shutdownRetransmissions":4,"retransmittedChunks":5,"writeQueueBytes":6,"sendBufferBytes":7,"receiveBufferBytes":8,"observedSince":"2026-01-31T11:00:00.000Z","lastChange":"2026-01-31T11:59:50.000Z","sockDiagAt":"2026-01-31T11:59:57.000Z","localTag":305419896,"peerTag":9,"receiveWindowBytes":10,"peerReceiveWindowBytes":11,"unacknowledgedChunks":12,"pendingChunks":13,"inQueueChunks":14,"outQueueChunks":15,"overallErrorCount":16,"maxBurst":17,"fragmentationPointBytes":18,"peerCapabilities":["prsctp","ipv4"],"sackNeeded":true,"peerZeroWindow":true,"retransmissionTimerMs":19,"interfaceIndex":20,"receiveMemoryBytes":21,"sendMemoryBytes":22,"forwardMemoryBytes":23,"optionMemoryBytes":24,"backlogBytes":25,"drops":26,"sacksSent":27,"sacksReceived":28,"packetsSent":29,"packetsReceived":30,"chunksRetransmitted":31,"tsnsOutOfOrder":32,"duplicateChunksReceived":33,"gapAcksReceived":34,"unorderedChunksSent":35,"unorderedChunksReceived":36,"orderedChunksSent":37,"orderedChunksReceived":38,"controlChunksSent":39,"controlChunksReceived":40,"socketOptionsAt":"2026-01-31T11:59:55.000Z","originalAddress":"192.0.2.1","originalPort":200,"localAddresses":["172.17.0.2"],"primaryAddress":"10.0.1.2","impaired":true,"impairedReasons":["path_inactive","primary_not_active"],"owners":['"$owner,$contained"'],"netnsName":"blue","container":"web","peerAddresses":["10.0.0.2","10.0.1.2"],"paths":[{"address":"10.0.0.2","primary":false,"state":"active","stateSince":"2026-01-31T11:00:00.000Z","rtoMs":1000,"heartbeatPending":true,"maxRetransmissions":5,"srttMs":41,"cwndBytes":42,"mtuBytes":43,"heartbeatIntervalMs":30000,"heartbeats":true,"sackDelayMs":44},{"address":"10.0.1.2","primary":true,"state":"inactive","rtoMs":60000,"heartbeatPending":false,"maxRetransmissions":5,"srttMs":0,"cwndBytes":45,"ssthreshBytes":46,"partialBytesAcked":47,"flightSizeBytes":48,"errorCount":6,"mtuBytes":1500,"heartbeats":false}]}'
orphan='{"associationId":8,"netns":1,"localPort":1,"peerPort":2,"localAddresses":["10.0.0.1"],"peerAddresses":["10.0.0.9"],"state":"shutdown_sent","attachment":"orphan","inode":0,"paths":[{"address":"10.0.0.9","primary":false}]}'
waiting='{"associationId":9,"netns":1,"localPort":5,"peerPort":6,"localAddresses":["10.0.0.1"],"peerAddresses":["10.0.0.8"],"state":"established","attachment":"unaccepted","owners":['"$owner"'],"impaired":false,"paths":[{"address":"10.0.0.8","primary":false,"state":"active"}]}'
all_kinds="{\"parameters\":{\"association\":$full},\"continues\":true}
{\"parameters\":{\"association\":$orphan},\"continues\":true}
{\"parameters\":{\"association\":$waiting},\"continues\":true}
{\"parameters\":{$scan}}"
start <<<"$all_kinds"
run assocs --socket="$scratch/socket" --impaired --netns=all
same "assocs of all kinds" 0 assocs.kinds.txt
grep -qF '"filter":{"impaired":true,"netns":"all"}' "$scratch/requests"
result $? "--impaired and --netns= are passed on"
stop
start <<<"$all_kinds"
run paths --socket="$scratch/socket"
same "paths of all kinds" 0 paths.kinds.txt
stop
start <<<"$all_kinds"
run paths --socket="$scratch/socket" --json=short
same "paths of all kinds as JSON" 0 paths.kinds.json
stop

start <<<"{\"parameters\":{\"namespace\":{\"netns\":4026531840,\"pid\":1,\"own\":true,\"sctpAvailable\":true,\"endpoints\":2,\"associations\":3}},\"continues\":true}
{\"parameters\":{\"namespace\":{\"netns\":4026532000,\"netnsName\":\"blue\",\"own\":false,\"sctpAvailable\":true,\"endpoints\":0,\"associations\":0}},\"continues\":true}
{\"parameters\":{\"namespace\":{\"container\":\"web\",\"pid\":77,\"own\":false,\"sctpAvailable\":false,\"endpoints\":0,\"associations\":0,\"error\":\"may not be entered\"}},\"continues\":true}
{\"parameters\":{$scan}}"
run netns --socket="$scratch/socket"
same "netns" 0 netns.txt
grep -qF 'ListNamespaces' "$scratch/requests"
result $? "the call"
stop

# One association

sources='"sources":[{"name":"assocs","result":"read","rows":3,"malformed":0,"waiting":0,"durationUs":9},{"name":"sock_diag","result":"failed","rows":0,"malformed":0,"waiting":0,"durationUs":0,"reason":"may not be asked (CAP_SYS_ADMIN)"},{"name":"owners","result":"read","rows":1,"malformed":0,"waiting":0,"durationUs":5,"reason":"descriptors of 3 processes may not be read (CAP_SYS_PTRACE)"}]'
found="{\"parameters\":{\"association\":$full,$scan,\"sources\":[],\"statistics\":{\"maxRtoMs\":3000,\"maxRtoAddress\":\"10.0.1.2\"}}}"
start <<<"$found"
run show 7 --stats --socket="$scratch/socket"
same "show" 0 show.txt
grep -qF '"parameters":{"associationId":7,"statistics":true}' "$scratch/requests"
result $? "the call"
# Every figure above has a number of its own.
for number in $(seq 1 8) 0x00000009 0x12345678 $(seq 10 48) 3000 60000; do
        grep -qw "${number}\(ms\|s\)\?" "$scratch/out" || echo "$number is not shown"
done >"$scratch/why"
[ ! -s "$scratch/why" ]
result $? "show shows every figure"
stop
start <<<"$found"
run show 7 --stats --socket="$scratch/socket" --json=short
same "show as JSON" 0 show.json
stop
start <<<"{\"parameters\":{\"association\":$orphan,$scan,$sources,\"statistics\":{\"reason\":\"no process is known to have its socket\"}}}"
run show --peer=10.0.0.9 --stats --socket="$scratch/socket"
same "show of what is hardly known" 0 show.orphan.txt
stop
start <<<'{"error":"io.sctpmon.Monitor.AssociationNotFound","parameters":{"associationId":7}}'
run show 7 --socket="$scratch/socket"
says "show of nothing" 4 "There is no association 7"
stop
start <<<'{"error":"io.sctpmon.Monitor.AssociationNotFound","parameters":{}}'
run show --peer=10.0.0.7 --socket="$scratch/socket"
says "show of nothing by a filter" 4 "No association matches"
stop
start <<<'{"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"filter.peerName"}}'
run show --peer=hlr1 --socket="$scratch/socket"
says "show of a name that is not known" 4 "knows no peer of the name hlr1"
grep -qF '"parameters":{"filter":{"peerName":"hlr1"}}' "$scratch/requests"
result $? "the name goes to the daemon"
stop
run assocs --peer=hlr1 --root="$scratch/down"
says "a name without a daemon" 1 "names of peers are known to sctpmond only"
start <<<"{\"error\":\"io.sctpmon.Monitor.AssociationAmbiguous\",\"parameters\":{\"count\":3}}
@request
$all_kinds"
run show --local=10.0.0.1 --socket="$scratch/socket"
says "show of several" 2 "name one of them"
grep -q "^sctpctl:   8  10.0.0.1:1 <-> 10.0.0.9:2  shutdown_sent" "$scratch/err"
result $? "and which they are"
[ "$(grep -c '<->' "$scratch/err")" = 3 ]
result $? "all of them"
stop
start <<<"{\"parameters\":{\"association\":[]}}"
run show 7 --socket="$scratch/socket"
says "show of what is no association" 1 "does not speak Varlink"
stop
run show 13 --root="$scratch/down"
steady
same "show of a saved tree" 0 show.down.txt
run show --peer=10.0.1.2:5000 --root="$scratch/down"
steady
same "show by the peer" 0 show.down.txt
run show 13 --root="$scratch/down" --json=pretty
steady
same "show of a saved tree as JSON" 0 show.down.json
run show 14 --root="$scratch/down"
says "show of nothing in a saved tree" 4 "There is no association 14."
run show 13 --peer=10.0.1.99 --root="$scratch/down"
says "show of an id that the filter does not match" 4 "There is no association 13 that the filter matches."
run show --peer=10.0.1.2 --root="$scratch/down"
says "show of several in a saved tree" 2 "10.0.1.1:38343 <-> *10.0.1.2:5001"

# What things mean

run explain rtoms
same "explain" 0 explain.txt
run explain SctpT1InitExpireds --json=short
same "explain as JSON" 0 explain.json
for word in ABORT T1-init user-initiated init-ack RECONF; do
        run explain "$word"
        expect "explain $word" 0
done
run explain nothing-at-all
says "explain of nothing" 4 'Nothing is called "nothing-at-all"'
run explain rtoMz
says "explain suggests the nearest" 4 "Did you mean rtoMs?"
run explain heartb
says "explain suggests by a part" 4 "heartbeatIntervalMs"
run explain
expect "explain all" 0
for word in rtoMs SctpCurrEstab cookie_wait path_inactive wmema owners; do
        grep -q "^$word " "$scratch/out" || echo "$word is missing"
done >"$scratch/why"
[ ! -s "$scratch/why" ]
result $? "all are there"
for table in eps.owners assocs.kinds paths.kinds netns; do
        for column in $(head -n 1 "$golden/$table.txt"); do
                "$sctpctl" explain "$column" >/dev/null 2>&1 || echo "$column of $table is not explained"
        done
done >"$scratch/why"
[ ! -s "$scratch/why" ]
result $? "every column is explained"
page=$here/../../man/sctpmon-fields.7
[ -z "$UPDATE_GOLDEN" ] || "$fields_page" >"$page"
"$fields_page" | diff -u "$page" - >"$scratch/why"
result $? "sctpmon-fields(7) says what explain says"

# --watch into a pipe

change() { # type old new more
        echo "{\"parameters\":{\"change\":{\"type\":\"$1\",\"at\":\"2026-01-31T12:00:00.123Z\",\"certainty\":\"high\",\"association\":$association,\"oldState\":\"$2\",\"newState\":\"$3\"$4}},\"continues\":true}"
}
present="{\"parameters\":{\"association\":$association},\"continues\":true}
{\"parameters\":{\"ready\":true,$scan},\"continues\":true}"
changes="$(change association_state closed cookie_wait)
$(change association_up cookie_echoed established ',"durationMs":350')
$(change association_down established closed ',"durationMs":3725000')
{\"parameters\":{\"change\":{\"type\":\"endpoint_added\",\"at\":\"2026-01-31T12:00:01.000Z\",\"certainty\":\"low\",\"endpoint\":$endpoint}},\"continues\":true}"

follow='assocs --watch'
watch() { # signal-after options…: ends it by a signal, as a person would
        local signal=$1
        shift
        # Else it would end before it has begun.
        : >"$scratch/out"
        # shellcheck disable=SC2086
        "$sctpctl" $follow --socket="$scratch/socket" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null &
        local pid=$!
        for _ in $(seq 100); do
                [ "$(wc -l <"$scratch/out")" -ge "$lines" ] && break
                sleep 0.05
        done
        kill "-$signal" "$pid"
        wait "$pid"
        code=$?
}

lines=4
start <<<"$present
$changes
@hang"
watch TERM
same "--watch into a pipe, ended by SIGTERM" 0 watch.txt
stop
start <<<"$present
$changes
@hang"
watch INT --json=short
same "--watch as JSON lines, ended by SIGINT" 0 watch.json
stop
lines=1
start <<<"$present
$changes
@hang"
watch TERM --state=cookie_wait
head -n 1 "$golden/watch.txt" | diff -u - "$scratch/out" >"$scratch/why"
result $? "--watch --state= shows what enters and leaves it"
stop

lines=2
start <<<"$present
$(change association_state closed cookie_wait)
@accept
$present
$(change association_up cookie_echoed established ',"durationMs":350')
@hang"
watch TERM
head -n 2 "$golden/watch.txt" | diff -u - "$scratch/out" >"$scratch/why"
result $? "--watch goes on when the daemon is back"
says "and says so" 0 "reconnecting"
stop

start <<<"$present
@hang"
("$sctpctl" assocs --watch --socket="$scratch/socket" 2>"$scratch/err" </dev/null; echo $? >"$scratch/code") | true
code=$(cat "$scratch/code")
expect "--watch ends when nobody reads" 0
[ ! -s "$scratch/err" ]
result $? "and quietly"
stop

start <<<'@hang'
run assocs --watch --socket="$scratch/socket"
says "--watch without an answer" 5 "has not answered"
stop

# monitor

asked() { # description text…: the daemon was asked this
        local description=$1 text
        shift
        for text; do
                grep -qF -- "$text" "$scratch/requests" || { echo "not asked: $text"; cat "$scratch/requests"; }
        done >"$scratch/why"
        [ ! -s "$scratch/why" ]
        result $? "$description"
}

told() { # description line…: these are the lines, without their times
        local description=$1
        shift
        printf '%s\n' "$@" | diff -u - <(cut -d ' ' -f 3- "$scratch/out") >"$scratch/why"
        result $? "$description"
}

run monitor --socket="$scratch/none"
says "monitor needs the daemon" 1 "systemctl start sctpmond"
usage "expected a time" monitor --since=soon
usage "expected a time" monitor --since=2026-02-31
usage "no option --until" monitor --until=now
usage "no option --lines" monitor --lines=1
follow=monitor
past() { # at type
        echo "{\"parameters\":{\"change\":{\"type\":\"$2\",\"at\":\"2026-01-31T12:00:0$1.000Z\",\"certainty\":\"high\",\"endpoint\":{\"localPort\":1,\"localAddresses\":[\"::\"]}}},\"continues\":true}"
}
ready() { # historySince
        echo "{\"parameters\":{\"ready\":true,\"historySince\":\"$1\",$scan},\"continues\":true}"
}
lines=4
start <<<"$(ready 2026-01-31T10:00:00.000Z)
$changes
@hang"
watch TERM
same "monitor" 0 watch.txt
[ ! -s "$scratch/err" ]
result $? "nothing to say on standard error"
asked "it asks for changes alone" '"updates":false,"present":false}'
stop
start <<<"$(ready 2026-01-31T10:00:00.000Z)
$changes
@hang"
watch INT --json=short
same "monitor as JSON" 0 watch.json
stop

lines=2
start <<<"$(past 1 endpoint_added)
$(ready 2026-01-31T11:30:00.000Z)
$(past 2 endpoint_removed)
@hang"
watch TERM --since=2026-01-31T13:00:00.5+01:00 --peer=hlr1 --port=5 --local=::1 --container=web --netns=blue
asked "filters and --since= are passed on" '"since":"2026-01-31T12:00:00.500Z"' '"peerName":"hlr1"' '"port":5' \
        '"localAddress":"::1"' '"container":"web"' '"netns":"blue"'
[ ! -s "$scratch/err" ]
result $? "the history reaches back so far"
stop
start <<<"$(past 1 endpoint_added)
$(ready 2026-01-31T11:30:00.000Z)
$(past 2 endpoint_removed)
@hang"
watch TERM --since='2026-01-31 11:00'
says "the history does not reach back so far" 0 "knows what changed from 2026-01-31 11:30:00.000 on"
stop

# What was told comes once more with a new connection; what was not comes then.
lines=5
start <<<"$(ready 2026-01-31T10:00:00.000Z)
$(past 1 endpoint_added)
$(past 2 endpoint_added)
$(past 2 endpoint_removed)
@accept
$(past 2 endpoint_added)
$(past 2 endpoint_removed)
$(past 2 endpoint_added)
$(ready 2026-01-31T10:00:00.000Z)
$(past 2 endpoint_removed)
@hang"
watch TERM
told "nothing is told twice, nothing is left out" "endpoint_added [::]:1" "endpoint_added [::]:1" \
        "endpoint_removed [::]:1" "endpoint_added [::]:1" "endpoint_removed [::]:1"
says "the connection was lost" 0 "closed the connection; reconnecting"
! grep -q "from 2026" "$scratch/err"
result $? "the daemon knows of the time between"
asked "it goes on from the last change" '"since":"2026-01-31T12:00:02.000Z"'
stop
lines=1
start <<<"$(ready 2026-01-31T10:00:00.000Z)
@accept
$(ready 2026-01-31T12:30:00.000Z)
$(past 3 endpoint_added)
@hang"
watch TERM
asked "where nothing was told, from the first look" '"since":"2026-01-31T12:00:00.000Z"'
says "a new daemon says since when it knows" 0 "knows what changed from 2026-01-31 12:30:00.000 on"
stop

start <<<"$(ready 2026-01-31T10:00:00.000Z)
$changes
@hang"
lines=4
watch TERM --color=always
grep -c "^$(printf '\033')\[1;31m.*association_down" "$scratch/out" | grep -qx 1
result $? "trouble has colour"
stop
start <<<"$(ready 2026-01-31T10:00:00.000Z)
@hang"
("$sctpctl" monitor --socket="$scratch/socket" 2>"$scratch/err" </dev/null; echo $? >"$scratch/code") | true
code=$(cat "$scratch/code")
expect "monitor ends when nobody reads" 0
[ ! -s "$scratch/err" ]
result $? "and quietly"
stop

# wait

usage "a time span" wait --timeout=0
usage "a time span" wait --timeout=soon
usage "no option --impaired" wait --impaired
start <<<"$present
@hang"
run wait --peer=hlr1 --socket="$scratch/socket"
told "it is there" "10.0.0.2:3868,*10.0.1.2:3868 established"
expect "wait is done then" 0
asked "what leaves other states is of interest" '"parameters":{"filter":{"peerName":"hlr1"}}'
stop
start <<<"$(ready 2026-01-31T10:00:00.000Z)
$(change association_state closed cookie_wait | sed 's/"state":"established"/"state":"cookie_wait"/')
$(change association_up cookie_echoed established)
@hang"
run wait --json=short --timeout=20s --socket="$scratch/socket"
[ "$(cat "$scratch/out")" = "$association" ]
result $? "it comes, as JSON"
expect "wait is done then" 0
stop
start <<<"$present
@hang"
run wait --state=cookie_wait --timeout=300ms --socket="$scratch/socket"
says "it does not come" 5 "did not come to be cookie_wait in time"
[ ! -s "$scratch/out" ]
result $? "and nothing is shown"
stop
none="{\"parameters\":{$scan}}"
one="{\"parameters\":{\"association\":$association},\"continues\":true}
$none"
start <<<"$none"
run wait --state=closed --peer=hlr1 --socket="$scratch/socket"
expect "none is there" 0
asked "all states are of interest" 'ListAssociations","parameters":{"filter":{"peerName":"hlr1"}}'
stop
start <<<"${one//'"state":"established"'/'"state":"closed"'}"
run wait --state=closed --timeout=20s --socket="$scratch/socket"
expect "a row is left of one that has ended" 0
stop
start <<<"$one
@accept
$one"
run wait --state=closed --timeout=600ms --socket="$scratch/socket"
says "one is there" 5 "in time"
stop
start <<<"$one
@accept
{\"error\":\"io.sctpmon.Monitor.NoSnapshot\",\"parameters\":{\"reason\":\"slow\"}}
@accept
$none"
run wait --state=closed --timeout=20s --socket="$scratch/socket"
expect "it goes" 0
[ ! -s "$scratch/err" ]
result $? "and there is nothing to say"
stop
start <<<'{"error":"io.sctpmon.Monitor.SctpNotAvailable","parameters":{"reason":"no module","advice":"Load it."}}'
run wait --state=closed --timeout=20s --socket="$scratch/socket"
expect "without SCTP there is none" 0
stop
start <<<"$(ready 2026-01-31T10:00:00.000Z)
@accept
$present
@hang"
run wait --timeout=20s --socket="$scratch/socket"
expect "wait waits for a daemon that is started anew" 0
stop
start <<<"{\"parameters\":{\"ready\":true,\"reason\":\"no module\",\"advice\":\"Load it.\"},\"continues\":true}
$(change association_up cookie_echoed established)
@hang"
run wait --timeout=20s --socket="$scratch/socket"
says "wait waits for SCTP" 0 "SCTP is not available: no module"
stop
run wait --timeout=300ms --socket="$scratch/none"
says "no daemon" 5 "waiting for it"
rm -f "$scratch/socket"
timeout 30 "$sctpctl" wait --timeout=20s --socket="$scratch/socket" >"$scratch/out" 2>"$scratch/err" </dev/null &
waiter=$!
for _ in $(seq 100); do
        grep -q "waiting for it" "$scratch/err" && break
        sleep 0.05
done
start <<<"$present
@hang"
wait "$waiter"
code=$?
expect "wait waits for the daemon" 0
stop
start <<<'{"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"filter.peerName"}}'
run wait --peer=hlr9 --socket="$scratch/socket"
says "wait for a name that is not known" 4 "no peer of the name hlr9"
stop

# check

checks() { # description code line options…
        local description=$1 expected=$2 line=$3
        shift 3
        run check --socket="$scratch/socket" "$@"
        printf '%s\n' "$line" | diff -u - "$scratch/out" >"$scratch/why" || { result 1 "$description"; return; }
        expect "$description" "$expected"
}
one="{\"parameters\":{\"association\":$association},\"continues\":true}
{\"parameters\":{$scan}}"
start <<<"$one"
checks "all is well" 0 "SCTP OK - 1 association established, 2 of 2 paths active | associations=1;;1:;0 paths_active=2;;;0;2"
stop
start <<<"$one"
checks "as many paths as wanted" 0 \
        "SCTP OK - 1 association established, 2 of 2 paths active | associations=1;;1:;0 paths_active=2;;2:;0;2" \
        --min-paths=2 --peer=hlr1 --netns=blue
asked "filters are passed on" '"filter":{"peerName":"hlr1","netns":"blue"}'
stop
start <<<"$one"
checks "too few paths" 2 \
        "SCTP CRITICAL - an association with 2 active paths, 3 wanted; 2 of 2 paths active | associations=1;;1:;0 paths_active=2;;3:;0;2" \
        --min-paths=3
stop
start <<<"$one"
checks "too few associations" 2 \
        "SCTP CRITICAL - 1 association established, 2 wanted; 0 in other states | associations=1;;2:;0 paths_active=2;;;0;2" \
        --min-associations=2
stop
start <<<"{\"parameters\":{$scan}}"
checks "none" 2 "SCTP CRITICAL - 0 associations established, 1 wanted; 0 in other states | associations=0;;1:;0"
stop
start <<<"$all_kinds"
checks "impaired" 1 \
        "SCTP WARNING - 2 associations established, 2 of 3 paths active, impaired | associations=2;;1:;0 paths_active=2;;;0;3 srtt=41ms errors=16"
stop
start <<<"{\"parameters\":{\"association\":$association},\"continues\":true}
{\"parameters\":{${scan/false/true}}}"
checks "not up to date" 1 \
        "SCTP WARNING - 1 association established, 2 of 2 paths active, not up to date | associations=1;;1:;0 paths_active=2;;;0;2"
stop
# Of a path whose state nothing tells nobody knows that it is down.
silent=${association/,\"state\":\"active\"\}]/\}]}
start <<<"{\"parameters\":{\"association\":$silent},\"continues\":true}
{\"parameters\":{$scan}}"
checks "a path of which nothing tells" 3 \
        "SCTP UNKNOWN - 1 association established, 1 of 2 paths active, 1 not known | associations=1;;1:;0" --min-paths=2
stop
start <<<"{\"parameters\":{\"association\":$silent},\"continues\":true}
{\"parameters\":{$scan}}"
checks "it is not needed" 0 \
        "SCTP OK - 1 association established, 1 of 2 paths active, 1 not known | associations=1;;1:;0" --min-paths=1
stop
start <<<"{\"parameters\":{\"association\":$silent},\"continues\":true}
{\"parameters\":{$scan}}"
checks "it would not be enough" 2 \
        "SCTP CRITICAL - an association with 2 active paths, 3 wanted; 1 of 2 paths active, 1 not known | associations=1;;1:;0" \
        --min-paths=3
stop
start <<<'{"error":"io.sctpmon.Monitor.SctpNotAvailable","parameters":{"reason":"no |\u001b[31mmodule","advice":"load it"}}'
checks "SCTP not available" 3 'SCTP UNKNOWN - SCTP is not available: no /\x1b[31mmodule'
stop
start <<<'{"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"filter.peerName"}}'
checks "a name that is not known" 3 'SCTP UNKNOWN - sctpmond knows no peer of the name hlr9' --peer=hlr9
stop
start <<<"{\"parameters\":{\"association\":$association},\"continues\":true}"
run check --socket="$scratch/socket"
expect "a part of the list is not known for all" 3
stop
run check --socket="$scratch/none"
grep -q "^SCTP UNKNOWN - sctpmond cannot be reached at $scratch/none: No such file" "$scratch/out"
result $? "no daemon"
expect "is unknown" 3
for wrong in --min-paths=0 --min-associations=x --nonsense more --watch --port; do
        run check $wrong
        grep -qx "SCTP UNKNOWN - wrong options" "$scratch/out"
        result $? "check $wrong: one line"
        expect "and unknown" 3
done

# log, of a journal that systemd-journal-remote(8) made of log.export and triggers.export, where systemd's library is

run log --directory="$scratch/nowhere"
if grep -q "is not installed" "$scratch/err"; then
        expect "log without the library" 1
elif command -v xz >/dev/null; then
        says "no such directory" 1 "$scratch/nowhere"
        usage "a number up to 100000" log --lines=100001
        usage "the 32 digits" log --boot=xyz
        usage "expected a time" log --until=soon
        mkdir "$scratch/journal"
        xz -dc "$data/journal/log.journal.xz" >"$scratch/journal/log.journal"
        log() {
                run log --directory="$scratch/journal" "$@"
        }
        some() { # description range options…: these lines of all
                local description=$1 range=$2
                shift 2
                log "$@"
                sed -n "${range}p" "$golden/log.txt" | diff -u - "$scratch/out" >"$scratch/why" ||
                        { result 1 "$description"; return; }
                expect "$description" 0
        }
        log
        same "log" 0 log.txt
        ! grep -q "established -> closed$" "$scratch/out"
        result $? "what somebody else wrote is no change"
        log --json=short
        same "log as JSON" 0 log.json
        log --color=always
        same "log in colour" 0 log.color.txt
        some "log --lines" 8,9 --lines=2
        log --lines=0
        [ ! -s "$scratch/out" ]
        result $? "log --lines=0"
        some "log --since" 7,9 --since='2026-01-31 12:00:03.5'
        some "log --until" 1,3 --until=2026-01-31T12:00:02Z
        some "log of the last boot" 4,9 --boot
        some "log of the boot before" 1,3 --boot=-1
        some "log of a boot by its id" 1,3 --boot=11111111111111111111111111111111
        some "log --lines of a boot" 3 --boot=-1 --lines=1
        some "log --peer=NAME" '3,5p;7,8' --peer=hlr1
        some "log --peer" '6p;8' --peer=10.0.0.2:5000
        some "log --port" 6 --port=5000
        some "log --local" '3,8' --local='[fd00::1]:36412'
        some "log --netns" 6 --netns=blue
        some "log --netns by inode" 6 --netns=inode:5
        some "log --state" 7,8 --state=closed
        log --boot=-2
        says "no such boot" 4 "has no such boot"
        log --port=9
        says "nothing matches" 4 "No change matches"
        mkdir "$scratch/journals"
        run log --directory="$scratch/journals"
        says "no journal" 1 "There is no journal in $scratch/journals"
        head -c 1000 "$scratch/journal/log.journal" >"$scratch/journals/part.journal"
        run log --directory="$scratch/journals"
        says "what is no journal" 1 "or none that may be read"
        log --boot=22222222222222222222222222222222 --lines=0
        says "nothing of such a boot" 4 "No change matches"
        mkdir "$scratch/triggers"
        xz -dc "$data/journal/triggers.journal.xz" >"$scratch/triggers/triggers.journal"
        run log --directory="$scratch/triggers"
        same "log of what the kernel told" 0 triggers.txt
        run log --directory="$scratch/triggers" --json=short
        same "log of it as JSON" 0 triggers.json
        usage "not together with --netns=host" log --directory="$scratch/journal" --netns=host
        usage "not together with --netns=pid:1" log --directory="$scratch/journal" --netns=pid:1
fi

# Standard output

{ "$sctpctl" stats --root="$scratch/server" 2>"$scratch/err"; echo $? >"$scratch/code"; } | true
code=$(cat "$scratch/code")
expect "a closed pipe is no error" 0
[ ! -s "$scratch/err" ]
result $? "and nothing to talk of"
if [ -c /dev/full ]; then
        "$sctpctl" eps --root="$scratch/server" >/dev/full 2>"$scratch/err"
        code=$?
        says "a full disk is one" 1 "No space left"
        "$sctpctl" eps --raw --root="$scratch/server" >/dev/full 2>"$scratch/err"
        code=$?
        says "of --raw, too" 1 "No space left"
fi

# A terminal, where script(1) can make one

terminal() { # columns options…
        local columns=$1
        shift
        TERM=xterm COLUMNS=$columns script -qec "'$sctpctl' $*" /dev/null </dev/null 2>/dev/null | tr -d '\r' >"$scratch/out"
        code=${PIPESTATUS[0]}
}

if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
        terminal 80 assocs --root="$scratch/down" --no-pager
        same "a terminal of 80 columns" 0 assocs.down.80.txt
        terminal 40 assocs --root="$scratch/down" --no-pager
        same "a terminal of 40 columns" 0 assocs.down.40.txt
        terminal 300 eps --root="$scratch/server" --no-pager
        same "a wide terminal" 0 eps.server.300.txt
        NO_COLOR=1 terminal 80 assocs --root="$scratch/down" --no-pager
        ! grep -q "$(printf '\033')" "$scratch/out"
        result $? "NO_COLOR"
        SCTPCTL_PAGER="sed 's/^/> /'" terminal 80 eps --root="$scratch/server"
        grep -q '^> .*LOCAL' "$scratch/out"
        result $? "the pager"

        TERM=xterm COLUMNS=300 timeout 30 \
                script -qec "PATH=/nowhere '$sctpctl' eps --root='$scratch/server'" /dev/null </dev/null | tr -d '\r' >"$scratch/out"
        code=${PIPESTATUS[0]}
        same "no pager is installed" 0 eps.server.300.txt

        start <<<"$present
@hang"
        shown() { # until the terminal has seen this
                for _ in $(seq 300); do
                        grep -qF "$1" "$scratch/out" && return
                        sleep 0.1
                done
        }
        : >"$scratch/out"
        { shown "1 association"; printf q; shown "$(printf '\033[?1049l')"; } |
                TERM=xterm script -qec "'$sctpctl' assocs --watch --socket='$scratch/socket'" /dev/null >"$scratch/out" 2>/dev/null
        code=${PIPESTATUS[1]}
        expect "the live view ends with q" 0
        grep -q "1 association" "$scratch/out"
        result $? "it showed the totals"
        tail -c 100 "$scratch/out" | grep -qF "$(printf '\033[?1049l')"
        result $? "and gave the terminal back"
        stop
fi

echo "1..$n"
