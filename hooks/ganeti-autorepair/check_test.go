package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

const calm = `
	cluster c tags=ganeti:watcher:autorepair:failover
	group default
	node node1 mem=8192 disk=100000 master
	node node2 mem=8192 disk=100000
	node node3 mem=8192 disk=100000
	node node4 mem=8192 disk=100000
	instance web1 template=sharedfile nodes=node2 mem=512
	instance web2 template=plain nodes=node3 mem=512
`

// newChecked is a cluster on which all is well: the hook is installed, a pass
// has run.
func newChecked(t *testing.T) *bed {
	b := newBed(t, calm)
	b.write("/etc/ganeti/hooks/watcher/ganeti-autorepair", "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(b.root, "/etc/ganeti/hooks/watcher/ganeti-autorepair"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.want(0, 0, "", "run", "--from-watcher")
	return b
}

// fenceOf makes a fence command of the text.
func (b *bed) fenceOf(text string) {
	b.write("/fence", text)
	os.Chmod(filepath.Join(b.root, "fence"), 0o755)
	b.write("/etc/ganeti/autorepair.toml", "fence = \""+filepath.Join(b.root, "fence")+"\"\n")
}

// metricsOf makes a metrics file that was written so long after the last pass, or none
// for 0, and a setting for it of that age.
func (b *bed) metricsOf(file, setting time.Duration) {
	const path = "/m/x.prom"
	b.write("/etc/ganeti/autorepair.toml", "metrics_file = \""+path+"\"\n")
	b.write("/m/other", "")
	at := present.Add(setting)
	os.Chtimes(newPaths(b.getenv).settings(), at, at)
	if file != 0 {
		b.write(path, "")
		at = present.Add(file)
		os.Chtimes(filepath.Join(b.root, path), at, at)
	}
}

// What Nagios reads: the exit code and one line, for each thing that can be
// wrong.
func TestCheck(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	const ok = "AUTOREPAIR OK - 2 instances, 2 healthy | healthy=2 suspended=0 needs-repair=0 pending=0 failed=0\n"
	for _, row := range []struct {
		what string
		do   func(*bed)
		code int
		line string // the beginning
	}{
		{"all is well", func(*bed) {}, 0, ok},
		{"settings", func(b *bed) { b.write("/etc/ganeti/autorepair.toml", "x = 1\n") }, 2, "AUTOREPAIR CRITICAL - settings: "},
		{"a bar in a message", func(b *bed) { b.write("/etc/ganeti/autorepair.toml", "'a|b' = 1\n") }, 2, "AUTOREPAIR CRITICAL - settings: "},
		{"no hook", func(b *bed) { os.Remove(newPaths(b.getenv).hook()) }, 2, "AUTOREPAIR CRITICAL - hook: "},
		{"hook switched off", func(b *bed) { os.Chmod(newPaths(b.getenv).hook(), 0o644) }, 2, "AUTOREPAIR CRITICAL - hook: ganeti-watcher does not run it: chmod +x /"},
		{"luxid down", func(b *bed) { b.m.StopLuxid() }, 2, "AUTOREPAIR CRITICAL - socket: luxi: dial on "},
		{"not the master", func(b *bed) { b.host = "node2" }, 0, "AUTOREPAIR OK - not the master\n"},
		{"another master", func(b *bed) { b.host = "node2"; b.write("/var/lib/ganeti/ssconf_master_node", "node2\n") }, 2, "AUTOREPAIR CRITICAL - master: luxid says it is node1, this is node2\n"},
		{"no Ganeti", func(b *bed) { os.RemoveAll(filepath.Join(b.root, "/var/lib/ganeti")) }, 3, "AUTOREPAIR UNKNOWN - master: Ganeti is not set up here\n"},
		{"paused", func(b *bed) {
			b.m.Edit(func(c *luxitest.Cluster) { c.WatcherPause = present.Add(time.Hour) })
		}, 1, "AUTOREPAIR WARNING - watcher: is paused until "},
		{"drained", func(b *bed) { b.m.Edit(func(c *luxitest.Cluster) { c.QueueDrained = true }) }, 1, "AUTOREPAIR WARNING - queue: is drained: gnt-cluster queue undrain | healthy=2"},
		{"a pass runs", func(b *bed) {
			lock, err := takeLock(newPaths(b.getenv).state())
			if err != nil {
				b.t.Fatal(err)
			}
			b.t.Cleanup(lock.release)
		}, 0, ok},
		{"no pass yet", func(b *bed) { os.Remove(newPaths(b.getenv).state().file(stampFile)) }, 1, "AUTOREPAIR WARNING - last pass: there was none yet, or it failed; see the log | "},
		{"others can enter", func(b *bed) {
			os.Chmod(string(newPaths(b.getenv).state()), 0o755)
		}, 1, "AUTOREPAIR WARNING - lock: others than root can enter /"},
		{"the state is a file", func(b *bed) {
			os.RemoveAll(string(newPaths(b.getenv).state()))
			b.write("/var/run/ganeti-autorepair", "")
		}, 1, "AUTOREPAIR WARNING - lock: others than root can enter /"},
		{"no log", func(b *bed) {
			os.RemoveAll(filepath.Join(b.root, "/var/log/ganeti-autorepair"))
			b.write("/var/log/ganeti-autorepair", "")
		}, 1, "AUTOREPAIR WARNING - log: cannot be written, passes go on without it: /"},
		{"no metrics", func(b *bed) {
			b.write("/etc/ganeti/autorepair.toml", "metrics_file = \"/none/x.prom\"\n")
		}, 1, "AUTOREPAIR WARNING - metrics: cannot be written, passes go on without it: /"},
		{"just in time", func(b *bed) { b.m.Advance(31 * time.Minute) }, 0, ok},
		{"no pass for long", func(b *bed) { b.m.Advance(2 * time.Hour) }, 2, "AUTOREPAIR CRITICAL - last pass: was 2h ago; does cron run ganeti-watcher? | "},
		{"a stamp from the future", func(b *bed) {
			newPaths(b.getenv).state().writeStamp(stamp{Time: b.m.Now().Add(time.Hour)})
		}, 1, "AUTOREPAIR WARNING - last pass: was at "},
		{"malformed tag", func(b *bed) {
			b.m.Edit(func(c *luxitest.Cluster) { c.Groups[0].Tags = []string{"ganeti:watcher:autorepair:suspend:soon"} })
		}, 1, "AUTOREPAIR WARNING - unreadable tag: group default: ganeti:watcher:autorepair:suspend:soon: suspend time is not a Unix time in seconds"},
		{"unknown tag", func(b *bed) {
			b.m.Edit(func(c *luxitest.Cluster) { c.Instance("web1").Tags = []string{"ganeti:watcher:autorepair:repair"} })
		}, 1, "AUTOREPAIR WARNING - unreadable tag: instance web1: ganeti:watcher:autorepair:repair: not a repair type"},
		{"misspelt tag", func(b *bed) {
			b.m.Edit(func(c *luxitest.Cluster) { c.Instance("web1").Tags = []string{"ganeti:watcher:autorepair:Failover"} })
		}, 1, "AUTOREPAIR WARNING - unreadable tag: instance web1: ganeti:watcher:autorepair:Failover: not a repair type; the types are fix-storage, migrate, failover, reinstall; did you mean ganeti:watcher:autorepair:failover? | "},
		{"tag on a node", func(b *bed) {
			b.m.Edit(func(c *luxitest.Cluster) { c.Nodes[1].Tags = []string{"ganeti:watcher:autorepair:migrate"} })
		}, 1, "AUTOREPAIR WARNING - unreadable tag: node node2: ganeti:watcher:autorepair:migrate: migrate means nothing on a node; it belongs on the node's group, the cluster, or instances | "},
		{"no repair exists", func(b *bed) { b.m.Edit(func(c *luxitest.Cluster) { c.Node("node3").Drained = true }) }, 1, "AUTOREPAIR WARNING - no-repair: web2 | healthy=1"},
		{"failed", func(b *bed) {
			b.m.Edit(func(c *luxitest.Cluster) {
				c.Instance("web1").Tags = []string{"ganeti:watcher:autorepair:result:failover:x:1:failure:"}
			})
		}, 1, "AUTOREPAIR WARNING - failed: web1 | healthy=1 suspended=0 needs-repair=0 pending=0 failed=1\n"},
		{"half a copy", func(b *bed) {
			b.m.Edit(func(c *luxitest.Cluster) {
				c.Instances = append(c.Instances, &luxitest.Instance{
					Name: "db1", Primary: "node3", Secondaries: []string{"node4"}, Template: luxitest.DRBD, AdminState: luxitest.AdminUp,
					RunsOn: []string{"node3"}, Memory: 128, DiskSize: 128, OS: "noop", Hypervisor: "fake",
				})
			})
			b.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
				return luxitest.OpFails("OpExecError", "it broke").Late()
			})
			b.submit(`{"OP_ID":"OP_INSTANCE_REPLACE_DISKS","reason":[],"instance_name":"db1","mode":"replace_new_secondary","remote_node":"node2"}`)
			b.m.RunUntilQuiet()
			b.m.OnOpcode(nil)
			b.m.Edit(func(c *luxitest.Cluster) { c.Node("node3").Offline, c.Instance("web2").Primary = true, "node4" })
		}, 1, "AUTOREPAIR WARNING - half-copy: db1 | "},
		{"a fence that others can write", func(b *bed) {
			b.write("/fence", "#!/bin/sh\n")
			os.Chmod(filepath.Join(b.root, "fence"), 0o757)
			b.write("/etc/ganeti/autorepair.toml", "fence = \""+filepath.Join(b.root, "fence")+"\"\n")
		}, 2, "AUTOREPAIR CRITICAL - fence: others than its owner can write /"},
		{"no event directory", func(b *bed) {
			b.write("/etc/ganeti/autorepair.toml", "event_dir = \"/events\"\n")
		}, 1, "AUTOREPAIR WARNING - events: lstat "},
		{"a fence without an interpreter", func(b *bed) { b.fenceOf("#!/nowhere/sh\n") }, 2, "AUTOREPAIR CRITICAL - fence: /tmp/"},
		{"a fence that is no program", func(b *bed) { b.fenceOf("exit 0\n") }, 2, "AUTOREPAIR CRITICAL - fence: /tmp/"},
		{"an empty fence", func(b *bed) { b.fenceOf("") }, 2, "AUTOREPAIR CRITICAL - fence: /tmp/"},
		{"a good fence", func(b *bed) { b.fenceOf("#! /bin/sh -e\n") }, 0, ok},
		{"out of band, without programs", func(b *bed) {
			b.write("/etc/ganeti/autorepair.toml", "fence = \"oob\"\n")
			b.m.Edit(func(c *luxitest.Cluster) {
				c.Node("node1").OOB, c.Node("node4").OOB = luxitest.OOBWorks, luxitest.OOBWorks
			})
		}, 1, "AUTOREPAIR WARNING - fence: no out-of-band program can switch off node2, node3; no repair of their instances begins | "},
		{"out of band", func(b *bed) {
			b.write("/etc/ganeti/autorepair.toml", "fence = \"oob\"\n")
			b.m.Edit(func(c *luxitest.Cluster) {
				for _, n := range c.Nodes {
					n.OOB = luxitest.OOBWorks
				}
			})
		}, 0, ok},
		{"no event program", func(b *bed) { b.told(nil); os.Mkdir(filepath.Join(b.root, "events"), 0o755) }, 1, "AUTOREPAIR WARNING - events: there is no program in /tmp/"},
		{"an event program with an ending", func(b *bed) { b.told(map[string]string{"x.sh": "exit 0"}) }, 1, "AUTOREPAIR WARNING - events: nothing in /tmp/"},
		{"event programs", func(b *bed) { b.told(map[string]string{"x": "exit 0"}) }, 0, ok},
		{"metrics that were not written", func(b *bed) { b.metricsOf(-time.Hour, -time.Hour) }, 1, "AUTOREPAIR WARNING - metrics: the last pass did not write /tmp/"},
		{"metrics that were written", func(b *bed) { b.metricsOf(time.Second, -time.Hour) }, 0, ok},
		{"metrics that are gone", func(b *bed) { b.metricsOf(0, -time.Hour) }, 1, "AUTOREPAIR WARNING - metrics: the last pass did not write /tmp/"},
		{"metrics that are new", func(b *bed) { b.metricsOf(0, time.Hour) }, 0, ok},
		{"suspended", func(b *bed) { b.tag("cluster", "failover suspend") }, 1, "AUTOREPAIR WARNING - cluster: suspended until it is resumed | "},
		{"suspended for a time", func(b *bed) { b.tag("cluster", "suspend:1700014400") }, 1, "AUTOREPAIR WARNING - cluster: suspended until 2023-11-15 "},
		{"a group suspended", func(b *bed) { b.tag("group:default", "suspend") }, 1, "AUTOREPAIR WARNING - group default: suspended until it is resumed | "},
		{"a group suspended for a time", func(b *bed) { b.tag("group:default", "suspend:1700014400") }, 0, ok},
		{"no permission", func(b *bed) {
			b.m.Edit(func(c *luxitest.Cluster) { c.Tags, c.Node("node2").Offline = nil, true })
		}, 1, "AUTOREPAIR WARNING - no-permission: web1 | "},
		{"many", func(b *bed) {
			b.m.Edit(func(c *luxitest.Cluster) {
				for k := 0; k < 7; k++ {
					i := *c.Instance("web2")
					i.Name, i.UUID = fmt.Sprintf("x%d", k), fmt.Sprintf("x%d-uuid", k)
					c.Instances = append(c.Instances, &i)
				}
				c.Node("node3").Drained = true
			})
		}, 1, "AUTOREPAIR WARNING - no-repair: 8 instances: web2, x0, x1, x2, x3 and 3 more | "},
		{"no pass for long, as the watcher is paused", func(b *bed) {
			b.m.Advance(2 * time.Hour)
			hence := b.m.Now().Add(time.Hour)
			b.m.Edit(func(c *luxitest.Cluster) { c.WatcherPause = hence })
		}, 1, "AUTOREPAIR WARNING - watcher: is paused until 2023-11-15 01:13: gnt-cluster watcher continue | "},
		{"an event program that others can write", func(b *bed) {
			b.told(map[string]string{"x": "exit 0"})
			os.Chmod(filepath.Join(b.root, "events/x"), 0o757)
		}, 1, "AUTOREPAIR WARNING - events: not run: others than its owner can write /"},
		{"two things", func(b *bed) {
			b.m.Edit(func(c *luxitest.Cluster) { c.QueueDrained = true })
			os.Remove(newPaths(b.getenv).hook())
		}, 2, "AUTOREPAIR CRITICAL - hook: "},
	} {
		b := newChecked(t)
		row.do(b)
		code, stdout, stderr := b.run("check")
		if code != row.code || !strings.HasPrefix(stdout, row.line) || strings.Count(stdout, "\n") != 1 || stderr != "" || strings.Count(stdout, "|") > 1 {
			t.Errorf("%s: %d, want %d and %q:\n%s%s", row.what, code, row.code, row.line, stdout, stderr)
		}
	}
	b := newChecked(t)
	_, stdout, _ := b.run("check", "--verbose")
	golden(t, "check.txt", stdout)
	b.m.Edit(func(c *luxitest.Cluster) {
		c.Node("node3").Drained, c.Node("node2").Offline = true, true
		for _, name := range []string{"web1", "web2"} {
			c.Instance(name).Tags = []string{"ganeti:watcher:autorepair:migrate"}
		}
	})
	b.tag("group:default", "suspend:1700014400")
	b.tag("cluster", "suspend")
	_, stdout, _ = b.run("check", "--verbose")
	golden(t, "check-wrong.txt", stdout)
	lock, err := takeLock(newPaths(b.getenv).state())
	if err != nil {
		t.Fatal(err)
	}
	if _, stdout, _ := b.run("check", "-v"); !strings.Contains(stdout, fmt.Sprintf("OK: lock: is taken by a running pass, process %d\n", os.Getpid())) {
		t.Error(stdout)
	}
	lock.release()
	b.idle("checking")
}
