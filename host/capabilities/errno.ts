/**
 * The names of Linux's error numbers.
 *
 * @module
 */

/**
 * Names by number from 1 on; "-" is a hole. Source: include/uapi/asm-generic/errno-base.h and
 * errno.h, the same on x86-64 and arm64.
 */
const NAMES: readonly string[] = `
  EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT
  ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG
  ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP
  - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL
  ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV
  ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD
  ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE
  EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT
  EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN
  ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY
  EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE
  ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL
  EHWPOISON
`.trim().split(/\s+/);

/**
 * The name of an error number.
 *
 * @param errno A positive errno of Linux, for example 2.
 * @returns Its name, for example `ENOENT`; `errno 1000` for a number without one.
 */
export function errnoName(errno: number): string {
  // nf_tables hands ENOTSUPP, which is the kernel's own and in no public header, to user space.
  if (errno === 524) return "ENOTSUPP";
  const name = NAMES[errno - 1];
  return name === undefined || name === "-" ? `errno ${errno}` : name;
}

/**
 * The number of an error name.
 *
 * @param name For example `ENOENT`.
 * @returns Its number, for example 2.
 * @throws {TypeError} When there is no such name.
 */
export function errnoOf(name: string): number {
  const index = NAMES.indexOf(name);
  if (index < 0) throw new TypeError(`Cannot find errno "${name}": it is not a Linux error name`);
  return index + 1;
}
