package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// lost is a cluster with an instance of each urgency, in the order of their names the
// other way round.
const lost = `
	cluster c tags=ganeti:watcher:autorepair:failover
	group default
	node node1 mem=8192 disk=100000 master
	node node2 mem=8192 disk=100000 offline
	node node10 mem=8192 disk=100000
	node node9 mem=8192 disk=100000
	instance a9 template=drbd nodes=node9,node2 mem=512 disk=1000 tags=other
	instance a10 template=drbd nodes=node9,node2 mem=512 disk=1000 tags=prod
	instance b template=rbd nodes=node2 mem=512
	instance c template=plain nodes=node2 mem=512 disk=1000 tags=prod
	instance d template=rbd nodes=node2 state=down mem=512
	instance e template=rbd nodes=node1 mem=512 tags=ganeti:watcher:autorepair:result:failover:x:1600000000:failure:
	instance fine template=rbd nodes=node1 mem=512 tags=prod
`

// names runs status and returns the instances that it lists, in their order.
func (b *bed) names(args ...string) string {
	b.t.Helper()
	code, stdout, stderr := b.run(append([]string{"status", "--no-headers", "-o", "instance"}, args...)...)
	if code != 0 {
		b.t.Errorf("%v: %d, %s", args, code, stderr)
	}
	return strings.Join(strings.Fields(stdout), " ")
}

// What needs a person comes first, then what is down, then the rest; programs get the
// order of names.
func TestStatusOrder(t *testing.T) {
	b := newBed(t, lost)
	b.screen = terminal{columns: 80, rows: 50}
	_, stdout, _ := b.run("status")
	var got []string
	for _, line := range strings.Split(stdout, "\n") {
		if !strings.HasPrefix(line, " ") && strings.Contains(line, "node2") && strings.Contains(line, "-") || strings.HasSuffix(line, ":") {
			got = append(got, strings.Fields(line)[0])
		}
	}
	if text := strings.Join(got, " "); text != "2 c 1 b 3 a9 a10 d" {
		t.Errorf("%s\n%s", text, stdout)
	}
	b.screen = terminal{}
	for _, row := range []struct{ args, want string }{
		{"", "a9 a10 b c d e"},
		{"--sort=urgency", "c e b a9 a10 d"},
		{"--sort=reason", "a9 a10 e d b c"},
		{"--sort=from_node", "e a9 a10 b c d"},
		{"--all", "a9 a10 b c d e fine"},
		{"node:node9", "a9 a10"},
		{"node:node1", "e fine"},
		{"fine node:node9 a10", "a9 a10 fine"},
		{"--tag=prod", "a10 c"},
		{"--tag=prod --all", "a10 c fine"},
		{"-F pnode==\"node2\" --template=rbd", "b d"},
	} {
		if got := b.names(strings.Fields(row.args)...); got != row.want {
			t.Errorf("%s: %s, want %s", row.args, got, row.want)
		}
	}
	b.want(2, 2, `unknown field "x"`, "status", "--sort=x")
	b.want(1, 2, `no instance lives on a node "node7"`, "status", "node:node7")
	b.want(2, 2, "a10 is named beside --filter", "status", "a10", "--tag=prod")
	b.want(2, 2, "do not go with --snapshot", "status", "--tag=prod", "--snapshot=x")
	b.want(1, 2, "no instance matches", "status", "--tag=none")
	b.idle("looking")
}

// status begins with the cluster: bad nodes, passes, and what is suspended.
func TestStatusHeader(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	b := newBed(t, lost)
	first := func() string {
		_, stdout, _ := b.run("status")
		line, _, _ := strings.Cut(stdout, "\n")
		return line
	}
	if got := first(); got != "4 nodes: offline node2 · when the last pass was is not known" {
		t.Error(got)
	}
	b.want(0, 0, "", "run", "--from-watcher")
	b.m.Advance(time.Minute)
	b.m.Edit(func(c *luxitest.Cluster) {
		c.Tags = append(c.Tags, "ganeti:watcher:autorepair:suspend:1700003600")
		c.Groups[0].Tags = []string{"ganeti:watcher:autorepair:suspend"}
		c.Node("node10").Drained, c.Node("node9").Drained = true, true
	})
	if got := first(); got != "4 nodes: offline node2, drained node9 node10 · last pass 1m ago, next due in 2m · cluster suspended until 2023-11-14 23:13 · group default suspended" {
		t.Error(got)
	}
	b.m.Advance(time.Hour)
	b.m.Edit(func(c *luxitest.Cluster) {
		c.Groups[0].Tags = nil
		for _, n := range c.Nodes {
			n.Offline, n.Drained = false, false
		}
	})
	if got := first(); got != "4 nodes: none offline or drained · last pass 1h ago, next due" {
		t.Error(got)
	}
}

// Long names do not break the table: a domain that all have is left out, and a name that
// is too long for its column has a line of its own.
func TestLongNames(t *testing.T) {
	long := strings.Repeat("very-long-name-", 4)
	b := newBed(t, strings.NewReplacer("instance c ", "instance "+long+"c.example.com ", "node10", long+"10").Replace(lost))
	b.screens("status-long", "status")
	b.screen = terminal{columns: 40, rows: 24}
	_, stdout, _ := b.run("status")
	for _, line := range strings.Split(stdout, "\n") {
		if len(line) > 60 && !strings.HasPrefix(line, long) && !strings.Contains(line, "·") {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

// Names have their natural order wherever they are listed: node2 before node10.
func TestNaturalOrder(t *testing.T) {
	b := newBed(t, `
	cluster c tags=ganeti:watcher:autorepair:failover
	node node1 mem=8192 disk=100000 master
	node node2 mem=8192 disk=100000 offline
	node node10 mem=8192 disk=100000 offline
	instance i10 template=rbd nodes=node10 mem=512 tags=ganeti:watcher:autorepair:failover
	instance i9 template=rbd nodes=node2 mem=512 tags=ganeti:watcher:autorepair:migrate,ganeti:watcher:autorepair:failover
	instance i100 template=rbd nodes=node10 mem=512 tags=ganeti:watcher:autorepair:failover
`)
	b.write("/etc/ganeti/autorepair.toml", "max_unhealthy_nodes = 100\n")
	for _, row := range []struct{ args, want string }{
		{"status", "i9 .*\n(?s:.*)i10 .*\n(?s:.*)i100 "},
		{"status", "offline node2 node10"},
		{"status --sort=instance -o instance --no-headers", "^i9\ni10\ni100\n$"},
		{"status --sort=from_node -o from_node --no-headers", "^node2\nnode10\nnode10\n$"},
		{"policy", "i9 .*\ni10 .*\ni100 "},
		{"run --dry-run", "i10: failover .*\ni100: failover "},
	} {
		_, stdout, stderr := b.run(strings.Fields(row.args)...)
		if !regexp.MustCompile(row.want).MatchString(stdout) {
			t.Errorf("%s:\n%s%s", row.args, stdout, stderr)
		}
	}
}
