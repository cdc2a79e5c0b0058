//go:build unix

package testees

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the file's lock, unless another process holds it. It goes when
// the file is closed.
func tryLock(file *os.File) (held bool, err error) {
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return false, nil
	}
	return err == nil, err
}
