package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// Errors come with what to type next; for the watcher's log they are one line.
func TestHints(t *testing.T) {
	b := newBed(t, badNode)
	for _, row := range []struct {
		hint string
		args []string
	}{
		{"ganeti-autorepair status --save FILE", []string{"status", "--snapshot", filepath.Join(b.root, "none")}},
		{"ganeti-autorepair list-fields", []string{"status", "-o", "nosuch"}},
		{"ganeti-autorepair list-fields", []string{"list-fields", "nosuch"}},
		{"ganeti-autorepair run --help", []string{"run", "--dry-run", "--wait"}},
		{"man ganeti-autorepair.toml", []string{"-c", filepath.Join(b.root, "none.toml"), "status"}},
		{"gnt-instance list", []string{"explain", "nosuch"}},
	} {
		if _, _, stderr := b.run(row.args...); !strings.Contains(stderr, "ganeti-autorepair: hint: "+row.hint+"\n") {
			t.Errorf("%v: %s", row.args, stderr)
		}
	}
	b.want(1, 1, "there is no node \"nosuch\": gnt-node list", "run", "--dry-run", "--assume-offline=nosuch")
	b.want(1, 2, "the types are fix-storage, migrate, failover, reinstall, and none", "policy", "cluster", "failovr")
	// What is nearly a command, a flag, a type, a field or a setting is said to be that.
	b.write("/etc/ganeti/x.toml", "max_runing = 3\n")
	for _, row := range []struct {
		code int
		want string
		args []string
	}{
		{2, "unexpected argument statu, did you mean \"status\"?", []string{"statu"}},
		{2, "unknown flag --fore, did you mean \"--for\"?", []string{"suspend", "web1", "--fore", "3h"}},
		{2, "reinstall; did you mean migrate?", []string{"repair", "web1", "migrat"}},
		{2, "reinstall; did you mean failover?", []string{"repair", "web1", "Failover"}},
		{2, "reinstall; did you mean fix-storage?", []string{"repair", "web1", "fix_storage"}},
		{2, "reinstall\n", []string{"repair", "web1", "web2"}},
		{1, "and none; did you mean failover?", []string{"policy", "cluster", "failovr"}},
		{1, "and none; did you mean none?", []string{"policy", "cluster", "nune"}},
		{2, "unknown field \"instanc\"; did you mean instance?", []string{"status", "-o", "instanc"}},
		{2, "unknown field \"urgent\"; did you mean urgency?", []string{"status", "--sort=urgent"}},
		{2, "unknown field \"blocked\"; did you mean blocked_by?", []string{"list-fields", "blocked"}},
		{2, "max_runing: unknown key; did you mean max_running?", []string{"-c", filepath.Join(b.root, "/etc/ganeti/x.toml"), "status"}},
	} {
		b.want(row.code, 2, row.want, row.args...)
	}
	b.m.StopLuxid()
	b.want(1, 2, "hint: systemctl status ganeti-luxid", "status")
	b.want(1, 1, "ganeti-query", "run", "--from-watcher")
}

// Where nothing is permitted anywhere, status says so: nothing would be done,
// whatever breaks.
func TestStatusWhenNothingIsPermitted(t *testing.T) {
	b := newBed(t, badNode)
	for _, row := range []struct{ cluster, group, want string }{
		{"", "", "no tag permits any repair: ganeti-autorepair policy cluster fix-storage\n"},
		{"failover suspend", "", "the cluster is suspended: ganeti-autorepair resume cluster\n"},
		{"failover", "", ""},
		{"suspend", "migrate", ""},
	} {
		b.m.Edit(func(c *luxitest.Cluster) {
			c.Tags, c.Groups[0].Tags = policyTags(row.cluster), policyTags(row.group)
			for _, i := range c.Instances {
				i.Tags = nil
			}
		})
		_, stdout, _ := b.run("status")
		if said := strings.Contains(stdout, "no tag permits") || strings.Contains(stdout, "cluster is suspended"); said != (row.want != "") || !strings.Contains(stdout, row.want) {
			t.Errorf("cluster %q, group %q:\n%s", row.cluster, row.group, stdout)
		}
	}
}

// policyTags are tags of auto-repair, given without their prefix.
func policyTags(bodies string) []string {
	var list []string
	for _, body := range strings.Fields(bodies) {
		list = append(list, tagstore.Prefix+body)
	}
	return list
}

// brokenPipe is the end of a pipe that nobody reads.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// status --watch ends when nobody reads its output any more.
func TestWatchEndsWithItsReader(t *testing.T) {
	b := newBed(t, badNode)
	if code := realMain(context.Background(), []string{"status", "--watch"}, b.env(brokenPipe{}, brokenPipe{})); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
