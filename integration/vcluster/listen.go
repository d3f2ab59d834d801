package vcluster

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
)

// Listen announces on an address inside the cluster's network, on behalf of the
// calling process: what it accepts comes from inside, and the socket vanishes
// with the caller.
func (c *Cluster) Listen(network, address string) (net.Listener, error) {
	var l net.Listener
	err := c.inNetwork(func() (err error) {
		l, err = net.Listen(network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("vcluster: listen: %w", err)
	}
	return l, nil
}

// dial connects to an address inside the cluster's network.
func (c *Cluster) dial(network, address string) (net.Conn, error) {
	var conn net.Conn
	err := c.inNetwork(func() (err error) {
		conn, err = net.DialTimeout(network, address, time.Minute)
		return err
	})
	return conn, err
}

// inNetwork lets a function make a socket in the cluster's network namespace.
func (c *Cluster) inNetwork(makeSocket func() error) error {
	if !c.enter() {
		return errClosed
	}
	defer c.leave()
	done := make(chan error)
	go func() { done <- c.thereAndBack(makeSocket) }()
	return <-done
}

// thereAndBack enters the network namespace for as long as it takes to make the
// socket. A thread that cannot come back is not used again.
func (c *Cluster) thereAndBack(makeSocket func() error) error {
	runtime.LockOSThread()
	home, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", syscall.Gettid()))
	if err != nil {
		return err
	}
	defer home.Close()
	there, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", c.ns.pid))
	if err != nil {
		return err
	}
	defer there.Close()
	if err := setns(there); err != nil {
		return err
	}
	err = makeSocket()
	if back := setns(home); back == nil {
		runtime.UnlockOSThread()
	}
	return err
}

// setns moves the calling thread into a network namespace (setns(2), for which
// package syscall has no name).
func setns(namespace *os.File) error {
	numbers := map[string]uintptr{"amd64": 308, "arm64": 268, "riscv64": 268, "386": 346, "arm": 375, "ppc64le": 350, "s390x": 339}
	number, known := numbers[runtime.GOARCH]
	if !known {
		return fmt.Errorf("setns is not known on %s", runtime.GOARCH)
	}
	if _, _, errno := syscall.RawSyscall(number, namespace.Fd(), syscall.CLONE_NEWNET, 0); errno != 0 {
		return errno
	}
	return nil
}
