package vcluster

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Listen announces on an address inside the cluster's network, on behalf of the
// calling process: what it accepts comes from inside, and the socket vanishes
// with the caller.
func (c *Cluster) Listen(network, address string) (net.Listener, error) {
	if !c.enter() {
		return nil, errClosed
	}
	defer c.leave()
	type result struct {
		l   net.Listener
		err error
	}
	done := make(chan result)
	go func() {
		l, err := c.listenThere(network, address)
		done <- result{l, err}
	}()
	r := <-done
	return r.l, r.err
}

// listenThere enters the network namespace for as long as it takes to make the
// socket. A thread that cannot come back is not used again.
func (c *Cluster) listenThere(network, address string) (net.Listener, error) {
	runtime.LockOSThread()
	home, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	if err != nil {
		return nil, fmt.Errorf("vcluster: listen: %w", err)
	}
	defer home.Close()
	there, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", c.ns.pid))
	if err != nil {
		return nil, fmt.Errorf("vcluster: listen: %w", err)
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("vcluster: listen: %w", err)
	}
	l, err := net.Listen(network, address)
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back == nil {
		runtime.UnlockOSThread()
	}
	if err != nil {
		return nil, fmt.Errorf("vcluster: listen: %w", err)
	}
	return l, nil
}
