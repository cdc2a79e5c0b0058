package netns

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"punchlist/harness/hostlink"
)

// A thread is an OS thread of its own in a network namespace of its own, the
// core, in which nothing but the lab's ends of links is. What has to happen in
// some namespace happens on it; processes that it starts die with it.
type thread struct {
	calls chan func()
	ended chan struct{}
	core  *os.File
}

func newThread() (*thread, error) {
	t := &thread{calls: make(chan func()), ended: make(chan struct{})}
	started := make(chan error)
	go t.run(started)
	if err := <-started; err != nil {
		if t.core != nil {
			t.core.Close()
		}
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	return t, nil
}

func (t *thread) run(started chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		// The main thread can't end: it would stay in the namespace. While it
		// is held here, another goroutine can't be on it.
		inner := make(chan error)
		go t.run(inner)
		err := <-inner
		runtime.UnlockOSThread()
		started <- err
		return
	}
	// Never unlocked: the thread ends with the goroutine.
	defer close(t.ended)
	var err error
	if t.core, err = newNamespace(); err == nil {
		err = hostlink.Quiet()
	}
	started <- err
	if err != nil {
		return
	}
	for call := range t.calls {
		call()
	}
}

// in runs f in the namespace, which is the core or a host's.
func (t *thread) in(namespace *os.File, f func() error) error {
	result := make(chan error)
	t.calls <- func() {
		if namespace == t.core {
			result <- f()
			return
		}
		err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			err = f()
		}
		if back := unix.Setns(int(t.core.Fd()), unix.CLONE_NEWNET); back != nil && err == nil {
			err = fmt.Errorf("return to the core namespace: %w", back)
		}
		result <- err
	}
	return <-result
}

// namespace makes another one, with its loopback up.
func (t *thread) namespace() (f *os.File, err error) {
	err = t.in(t.core, func() error {
		f, err = newNamespace()
		if err == nil {
			err = hostlink.Quiet()
		}
		if back := unix.Setns(int(t.core.Fd()), unix.CLONE_NEWNET); back != nil && err == nil {
			err = back
		}
		return err
	})
	if err != nil && f != nil {
		f.Close()
	}
	return f, err
}

func (t *thread) close() {
	close(t.calls)
	<-t.ended
	t.core.Close()
}

// newNamespace puts the calling thread, which must be locked, in a new
// network namespace, and returns it held.
func newNamespace() (*os.File, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	return os.Open("/proc/thread-self/ns/net")
}
