// SPDX-License-Identifier: GPL-2.0-only
/* Lists the descriptors of all processes that lead to SCTP sockets: the kernel's iterator goes through its tables of
 * open files, which takes a fraction of what reading the links in /proc/PID/fd takes. It calls once for each
 * descriptor, and again for one whose record found no room; what is written comes out of read(). */
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "record.h"

char LICENSE[] SEC("license") = "GPL";

/* A file of sockfs that has a socket: one of O_PATH has none. A raw socket may have the number of any protocol. */
static __always_inline bool is_sctp(const struct file *file, const struct inode *inode) {
        const struct socket *socket = file->private_data;
        const struct sock *sock;
        __u16 family;

        if (inode->i_sb->s_magic != SOCKFS_MAGIC || !socket)
                return false;
        sock = BPF_CORE_READ(socket, sk);
        if (!sock || BPF_CORE_READ(sock, sk_protocol) != IPPROTO_SCTP || BPF_CORE_READ(sock, sk_type) == SOCK_RAW)
                return false;
        family = BPF_CORE_READ(sock, __sk_common.skc_family);
        return family == AF_INET || family == AF_INET6;
}

SEC("iter/task_file")
int list_owners(struct bpf_iter__task_file *context) {
        const struct task_struct *task = context->task;
        const struct file *file = context->file;
        struct record_owner r = {};

        /* Threads share their descriptors; what one has for itself is in no /proc/PID/fd either. */
        if (!task || !file || task->pid != task->tgid || !is_sctp(file, file->f_inode))
                return 0;

        r.inode = file->f_inode->i_ino;
        r.start = task->start_boottime;
        r.pid = (__u32) task->tgid;
        r.fd = context->fd;
        bpf_seq_write(context->meta->seq, &r, sizeof(r));
        return 0;
}
