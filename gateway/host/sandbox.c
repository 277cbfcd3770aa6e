#include "gateway/host/sandbox.h"

#include <seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/error.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum {
	FILE_MOST = 256 << 20, /* of a memory file that goes back */
	DESCRIPTORS_MOST = 16,
};

/* What a worker's life needs: its socket, memory, memory files, time, locks,
 * and dying. */
static const int allowed[] = {
	SCMP_SYS(brk),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(close),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(fcntl),
	SCMP_SYS(fstat),
	SCMP_SYS(ftruncate),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	SCMP_SYS(gettid),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(lseek),
	SCMP_SYS(madvise),
	SCMP_SYS(memfd_create),
	SCMP_SYS(mmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(nanosleep),
	SCMP_SYS(newfstatat),
	SCMP_SYS(pread64),
	SCMP_SYS(read),
	SCMP_SYS(recvmsg),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sendmsg),
	SCMP_SYS(setitimer),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(tgkill),
	SCMP_SYS(write),
};

static int
limit(int resource, rlim_t most, const char *what, struct error *err)
{
	struct rlimit l = { most, most };

	if (setrlimit((__rlimit_resource_t)resource, &l) < 0)
		return error_set_errno(err, ERROR_IO, "could not limit %s", what);
	return 0;
}

static int
filter_calls(struct error *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = ctx ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	if (rc != 0)
		return error_set(err, ERROR_IO,
		    "could not install the filter of system calls; does this kernel have seccomp?");
	return 0;
}

int
sandbox_enter(size_t memory, struct error *err)
{
	if (limit(RLIMIT_CORE, 0, "core files", err) < 0 ||
	    limit(RLIMIT_FSIZE, FILE_MOST, "the size of files", err) < 0 ||
	    limit(RLIMIT_NOFILE, DESCRIPTORS_MOST, "open files", err) < 0)
		return -1;
	if (SANITIZED)
		return 0;
	if (limit(RLIMIT_AS, memory, "memory", err) < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set_errno(err, ERROR_IO, "could not give up privileges");
	return filter_calls(err);
}
