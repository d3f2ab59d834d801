//go:build cluster

package vcluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// hostFiles are the places that Ganeti, sshd and their like write to, and that
// nothing else does while the tests run.
var hostFiles = []string{
	"/etc/default", "/etc/ganeti", "/etc/hosts", "/etc/passwd", "/etc/ssh", "/root/.ssh",
	"/run/ganeti", "/run/lock", "/run/netns", "/run/sshd", "/run/sshd.pid",
	"/srv", "/usr/lib/ganeti", "/usr/share/ganeti/3.0", "/usr/sbin", "/var/lib/ganeti", "/var/log/ganeti",
}

// hostState describes what a cluster might leave on the host: a line for each
// file, with its capabilities, and each of a cluster's mounts.
func hostState(t *testing.T) []string {
	t.Helper()
	var state []string
	for _, root := range hostFiles {
		err := filepath.WalkDir(root, func(p string, _ fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			info, err := os.Lstat(p)
			if err != nil {
				return err
			}
			capabilities := make([]byte, 100)
			n, err := syscall.Getxattr(p, "security.capability", capabilities)
			if err != nil {
				n = 0
			}
			owner := info.Sys().(*syscall.Stat_t)
			state = append(state, fmt.Sprint(p, info.Mode(), info.Size(), info.ModTime(), owner.Ino, owner.Uid, owner.Gid, capabilities[:n]))
			return nil
		})
		must(t, err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	for _, l := range lines(string(mounts)) {
		if strings.Contains(l, " vcluster ") {
			state = append(state, l)
		}
	}
	return state
}

// sameHost fails the test if the host's state is not as before.
func sameHost(t *testing.T, before []string) {
	t.Helper()
	after := hostState(t)
	seen := make(map[string]bool)
	for _, l := range before {
		seen[l] = true
	}
	for _, l := range after {
		if !seen[l] {
			t.Errorf("new on the host: %s", l)
		}
		delete(seen, l)
	}
	for l := range seen {
		t.Errorf("gone from the host: %s", l)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	ctx := testContext(t)
	before := hostState(t)
	c, err := theImage(ctx, t).Start(ctx)
	must(t, err)
	defer c.Close()
	ids := namespaces(t, c.Pid())
	must(t, c.AddInstance(ctx, InstanceSpec{Name: "instance1", Template: SharedFile, Node: "node2"}))
	_, err = c.Watcher(ctx, "node1")
	must(t, err)
	running := make(chan error)
	go func() {
		_, err := c.Run(ctx, "", "sleep", "infinity")
		running <- err
	}()
	waitCommand(ctx, t, c, "sleep infinity", true)

	must(t, c.Close())
	waitEmpty(ctx, t, ids)
	if err := <-running; err == nil {
		t.Error("a command outlived the cluster")
	}
	sameHost(t, before)

	must(t, c.Close())
	if _, err := c.Run(ctx, "", "true"); !errors.Is(err, errClosed) {
		t.Errorf("Run after Close: %v", err)
	}
	if err := c.Command(ctx, "", "true").Run(); !errors.Is(err, errClosed) {
		t.Errorf("Command after Close: %v", err)
	}
	if err := c.WriteFile("/srv/file", nil, 0o644); !errors.Is(err, errClosed) {
		t.Errorf("WriteFile after Close: %v", err)
	}
}

func TestFailedStartLeavesNothing(t *testing.T) {
	for _, row := range []struct {
		name    string
		options func(cancel func()) Options
		want    string
	}{
		{"hook fails", func(func()) Options {
			return Options{BeforeInit: func(context.Context, *Cluster) error { return errors.New("not today") }}
		}, "before init: not today"},
		{"init fails", func(func()) Options {
			return Options{InitArgs: []string{"--no-such-option"}}
		}, "--no-such-option"},
		{"context ends", func(cancel func()) Options {
			return Options{BeforeInit: func(context.Context, *Cluster) error { cancel(); return nil }}
		}, "context canceled"},
		{"namespaces fail", func(func()) Options {
			return Options{Writable: []string{"/no/such/directory"}}
		}, "/no/such/directory"},
		{"no such node", func(func()) Options {
			return Options{Groups: map[string]string{"node9": "other"}}
		}, "node9"},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(testContext(t))
			defer cancel()
			before := hostState(t)
			o := row.options(cancel)
			ids := make(map[string]bool)
			hook := o.BeforeInit
			o.BeforeInit = func(ctx context.Context, c *Cluster) error {
				ids = namespaces(t, c.Pid())
				if hook != nil {
					return hook(ctx, c)
				}
				return nil
			}
			c, err := Start(ctx, o)
			if err == nil {
				c.Close()
				t.Fatal("Start succeeded")
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %q does not contain %q", err, row.want)
			}
			waitEmpty(testContext(t), t, ids)
			sameHost(t, before)
		})
	}
}

// childVariable tells the test program to be a child that starts a cluster and
// dies in the given way.
const childVariable = "VCLUSTER_TEST_CHILD"

// child prints the process id of its cluster's first process and dies, or waits
// to be killed.
func child(how string) {
	die := func(c *Cluster) {
		fmt.Println(c.Pid())
		// The parent closes our standard input when it has seen enough.
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		switch how {
		case "panic":
			panic("as told")
		case "exit":
			os.Exit(0)
		}
		select {}
	}
	o := Options{Nodes: 1}
	if how != "kill" {
		// With an ssh daemon only, in the middle of Start, which saves time.
		o.BeforeInit = func(_ context.Context, c *Cluster) error { die(c); return nil }
	}
	c, err := Start(context.Background(), o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	die(c)
}

func TestDeathLeavesNothing(t *testing.T) {
	for _, row := range []struct {
		how    string
		signal os.Signal
	}{
		{"kill", syscall.SIGKILL}, // all others while Start is not done
		{"kill early", syscall.SIGKILL},
		{"interrupt", os.Interrupt},
		{"panic", nil},
		{"exit", nil},
	} {
		t.Run(row.how, func(t *testing.T) {
			ctx := testContext(t)
			before := hostState(t)
			cmd := exec.CommandContext(ctx, "/proc/self/exe")
			cmd.Env = append(os.Environ(), childVariable+"="+row.how)
			stdin, err := cmd.StdinPipe()
			must(t, err)
			stdout, err := cmd.StdoutPipe()
			must(t, err)
			must(t, cmd.Start())
			line, err := bufio.NewReader(stdout).ReadString('\n')
			must(t, err)
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			must(t, err)
			ids := namespaces(t, pid)
			if len(inhabitants(ids)) == 0 {
				t.Fatal("nobody is in the namespaces")
			}

			if row.signal != nil {
				must(t, cmd.Process.Signal(row.signal))
			} else {
				must(t, stdin.Close())
			}
			_ = cmd.Wait() // how it died does not matter
			waitEmpty(ctx, t, ids)
			sameHost(t, before)
		})
	}
}

// The kernel would end the cluster with the thread that started it.
func TestClusterOutlivesStarter(t *testing.T) {
	ctx := testContext(t)
	started := make(chan *Cluster)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and so end the thread with the goroutine
		ns, err := newNamespace(Options{Nodes: 1})
		if err != nil {
			t.Error(err)
			close(started)
			return
		}
		started <- &Cluster{ns: ns}
	}()
	c, ok := <-started
	if !ok {
		return
	}
	defer c.Close()
	<-ended
	for i := 0; i < 3; i++ {
		mustRun(ctx, t, c, "", "true")
	}
}

func TestHostIsReadOnly(t *testing.T) {
	ctx := testContext(t)
	writable := t.TempDir()
	ns, err := newNamespace(Options{Nodes: 1, Writable: []string{writable}})
	must(t, err)
	c := &Cluster{ns: ns}
	defer c.Close()

	for _, dir := range append([]string{"/", "/dev", "/home", "/root", t.TempDir()}, hostFiles...) {
		if strings.HasPrefix(dir, "/srv") || strings.HasPrefix(dir, "/run") || dir == "/etc/ssh" {
			continue // these are private
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		_, err := c.Run(ctx, "", "touch", dir+"/vcluster-test")
		if err == nil || !strings.Contains(err.Error(), "Read-only file system") {
			t.Errorf("write to %s: %v", dir, err)
		}
	}
	for _, dir := range []string{"/srv", "/run", "/run/lock", "/etc/ssh", "/var/tmp", "/dev/shm", "/srv/tmp"} {
		mustRun(ctx, t, c, "", "touch", dir+"/vcluster-test")
		if _, err := os.Stat(dir + "/vcluster-test"); err == nil {
			t.Errorf("a file made in %s appeared on the host", dir)
		}
	}
	mustRun(ctx, t, c, "", "touch", writable+"/file")
	if _, err := os.Stat(writable + "/file"); err != nil {
		t.Error(err)
	}
}
