//go:build cluster

package vcluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	ctx := testContext(t)
	c := commonCluster(ctx, t)
	out := mustRun(ctx, t, c, "node2", "sh", "-c", `echo "$GANETI_ROOTDIR" "$GANETI_HOSTNAME" $(pwd) "$TMPDIR"`)
	equal(t, "output", out, "/srv/vc/node2 node2 / /srv/tmp\n")
	equal(t, "output of cmd", mustRun(ctx, t, c, "", c.Root("node2")+"/cmd", "echo $GANETI_HOSTNAME"), "node2\n")

	out, err := c.Run(ctx, "node2", "sh", "-c", "echo out; echo err >&2; exit 7")
	var failed *CommandError
	if !errors.As(err, &failed) || failed.ExitCode() != 7 || failed.Stderr != "err\n" || failed.Stdout != "out\n" || out != "out\n" {
		t.Errorf("a failing command: output %q, error %#v", out, err)
	}
	for _, want := range []string{"node2", "exit 7", "err", "out"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	if _, err := c.Run(ctx, "", "/no/such/program"); err == nil {
		t.Error("a missing program was run")
	}
	// A background process that keeps the output open is not waited for.
	out = mustRun(ctx, t, c, "", "sh", "-c", "sleep 1000 & echo $!")
	waitCommand(ctx, t, c, "sleep 1000", true)
	mustRun(ctx, t, c, "", "kill", strings.TrimSpace(out))
}

// Ending a command ends what runs inside, not only the way in.
func TestCommandsEnd(t *testing.T) {
	ctx := testContext(t)
	c := commonCluster(ctx, t)
	cmd := c.Command(ctx, "", "sleep", "1001")
	must(t, cmd.Start())
	waitCommand(ctx, t, c, "sleep 1001", true)
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	waitCommand(ctx, t, c, "sleep 1001", false)

	short, cancel := context.WithCancel(ctx)
	result := make(chan error)
	go func() {
		_, err := c.Run(short, "", "sh", "-c", "sleep 1002; true")
		result <- err
	}()
	waitCommand(ctx, t, c, "sleep 1002", true)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled command: %v", err)
	}
	waitCommand(ctx, t, c, "sleep 1002", false)
}

func TestFiles(t *testing.T) {
	ctx := testContext(t)
	c := commonCluster(ctx, t)
	file := c.Root("node3") + "/some/where/file"
	must(t, c.WriteFile(file, []byte("text"), 0o640))
	equal(t, "content", mustRun(ctx, t, c, "", "cat", file), "text")
	equal(t, "mode", mustRun(ctx, t, c, "", "stat", "-c", "%a", file), "640\n")
	data, err := c.ReadFile(file)
	must(t, err)
	equal(t, "content", string(data), "text")
	must(t, c.RemoveFile(file))
	must(t, c.RemoveFile(file))
	if _, err := c.ReadFile(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a removed file: %v", err)
	}
	for _, p := range []string{"/etc/file", "/srv/../etc/file", "/var/run/file", "srv/file", "/srv"} {
		if err := c.WriteFile(p, nil, 0o644); err == nil {
			t.Errorf("%s was written", p)
		}
	}
}

func TestWatcher(t *testing.T) {
	ctx := testContext(t)
	c := commonCluster(ctx, t)
	must(t, c.AddInstance(ctx, InstanceSpec{Name: "crashed", Node: "node2"}))
	must(t, c.CrashInstance("node2", "crashed"))
	for _, node := range c.Nodes() {
		must(t, c.InstallHook(ctx, node, "hook", []byte("#!/bin/sh\necho $GANETI_HOSTNAME >>/srv/hooks\n")))
	}
	must(t, c.InstallHook(ctx, "node3", "failing", []byte("#!/bin/sh\necho complaint; exit 3\n")))
	for _, node := range c.Nodes() {
		_, err := c.Watcher(ctx, node)
		must(t, err)
	}
	equal(t, "hooks run", mustRun(ctx, t, c, "", "cat", "/srv/hooks"), "node1\nnode2\nnode3\n")
	log, err := c.ReadFile(c.WatcherLog("node3"))
	must(t, err)
	if !strings.Contains(string(log), "complaint") {
		t.Errorf("the log lacks the complaint of the hook:\n%s", log)
	}
	// That of the master starts what is down.
	must(t, until(ctx, "restart", func(context.Context) error {
		status, err := c.InstanceStatus(ctx, "crashed")
		if err == nil && status != "running" {
			err = errors.New("its status is " + status)
		}
		return err
	}))

	mustRun(ctx, t, c, c.Master(), "gnt-cluster", "watcher", "pause", "1h")
	_, err = c.Watcher(ctx, c.Master())
	must(t, err)
	equal(t, "hooks run", mustRun(ctx, t, c, "", "cat", "/srv/hooks"), "node1\nnode2\nnode3\n")
	mustRun(ctx, t, c, c.Master(), "gnt-cluster", "watcher", "continue")
}

func TestDaemons(t *testing.T) {
	ctx := testContext(t)
	c := commonCluster(ctx, t)
	for _, row := range []struct {
		node, daemon string
		stop         func(context.Context, string, string) error
	}{
		{"node1", Luxid, c.KillDaemon},
		{"node1", Luxid, c.StopDaemon},
		{"node1", Wconfd, c.KillDaemon},
		{"node1", Wconfd, c.StopDaemon},
		{"node1", Confd, c.KillDaemon},
		{"node1", Rapi, c.KillDaemon},
		{"node2", Noded, c.KillDaemon},
		{"node2", Noded, c.StopDaemon},
	} {
		before, err := c.DaemonPid(ctx, row.node, row.daemon)
		must(t, err)
		must(t, row.stop(ctx, row.node, row.daemon))
		must(t, row.stop(ctx, row.node, row.daemon)) // to no effect
		stopped, err := c.DaemonPid(ctx, row.node, row.daemon)
		must(t, err)
		if row.daemon == Luxid {
			if _, err := c.Jobs(ctx); err == nil {
				t.Error("luxid answers after its end")
			}
		}
		must(t, c.StartDaemon(ctx, row.node, row.daemon))
		after, err := c.DaemonPid(ctx, row.node, row.daemon)
		must(t, err)
		if before == 0 || stopped != 0 || after == 0 || after == before {
			t.Errorf("%s on %s: pid %d, stopped %d, started %d", row.daemon, row.node, before, stopped, after)
		}
	}
	must(t, c.AddInstance(ctx, InstanceSpec{Name: "last", Node: "node2"}))
}

// A wait that cannot succeed ends with its context.
func TestUntil(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err := until(ctx, "nothing", func(context.Context) error { return errors.New("not yet") })
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not yet") {
		t.Error(err)
	}
}
