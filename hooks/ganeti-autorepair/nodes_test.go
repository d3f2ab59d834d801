package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/repair"
)

// N1: what nodes says of a bad day, on the terminal, for scripts and as JSON. It changes
// nothing, and a saved snapshot says the same.
func TestNodes(t *testing.T) {
	b := newBed(t, exampleClusters["bad-day"])
	if code, _, stderr := b.run("run"); code != 0 {
		t.Fatal(stderr)
	}
	b.m.Advance(20 * time.Second)
	jobs := len(b.m.Jobs())
	b.screens("nodes", "nodes")
	b.screens("nodes-all", "nodes", "--all")
	file := filepath.Join(b.root, "saved")
	_, live, _ := b.run("nodes", "--all", "--json", "--save", file)
	validate(t, "nodes.json", live)
	uuids := make(map[string]string)
	for _, n := range b.m.Snapshot().Nodes {
		uuids[n.UUID] = n.Name
	}
	text := live
	for uuid, name := range uuids {
		text = strings.ReplaceAll(text, uuid, "UUID of "+name)
	}
	golden(t, "nodes.json", text)
	if _, again, stderr := b.run("nodes", "--all", "--json", "--snapshot", file); again != live {
		t.Errorf("%s\n%s\nbut the cluster showed\n%s", stderr, again, live)
	}
	for args, want := range map[string]string{
		"--no-headers --separator=:":                                            "node2.example.com:lost:5:2:1:6:",
		"-o node,state,jobs,instances --separator=: ":                           "node6.example.com:leaving:6:\n",
		"node1 --no-headers --separator=: -o node,state,primaries,secondaries":  "node1.example.com:ok:1:0\n",
		"node7 node:node1 node7.example.com --no-headers --separator=: -o node": "node1.example.com\nnode7.example.com\n",
		"-F drained --no-headers --separator=: -o node,drained,offline":         "node3.example.com:true:false\nnode7.example.com:true:false\n",
		"--all --filter master --no-headers --separator=: -o node,node_group":   "node1.example.com:rack1\n",
		"node3 --no-headers --separator=: -o command":                           "ganeti-autorepair status node:node3.example.com\n",
		"node7 --no-headers --separator=: -o missing":                           "nothing, it is safe to switch off\n",
	} {
		code, stdout, stderr := b.run(append([]string{"nodes"}, strings.Fields(args)...)...)
		if code != 0 || stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("nodes %s: %d %s, no %q in\n%s", args, code, stderr, want, stdout)
		}
	}
	if n := len(b.m.Jobs()); n != jobs {
		t.Errorf("%d jobs were submitted", n-jobs)
	}
}

// Wrong usage of nodes is told in one line.
func TestNodesUsage(t *testing.T) {
	b := newBed(t, badNode)
	for _, row := range []struct {
		code int
		said string
		args string
	}{
		{1, "there is no node \"node9\"\nganeti-autorepair: hint: gnt-node list\n", "node9"},
		{2, "unknown field \"pend\"", "-o pend"},
		{2, "--json goes with none of", "--json -o node"},
		{2, "node1 is named beside --filter", "node1 -F offline"},
		{2, "--filter asks the cluster", "-F offline --snapshot x"},
		{1, "hint: gnt-node list-fields", "-F nosuch"},
		{2, "--timeout goes with --wait", "--timeout 1m"},
		{2, "with --wait go names of nodes", "--wait node2 --json"},
		{2, "with --wait go names of nodes", "--wait node2 --all"},
		{2, "--wait takes the names", "--wait"},
	} {
		code, stdout, stderr := b.run(append([]string{"nodes"}, strings.Fields(row.args)...)...)
		if code != row.code || stdout != "" || strings.Count(stderr, "\n") != 2 || !strings.Contains(stderr, row.said) {
			t.Errorf("nodes %s: %d, want %d and %q:\n%s%s", row.args, code, row.code, row.said, stdout, stderr)
		}
	}
	b.host = "node3"
	b.want(11, 2, "not the master", "nodes")
	b.want(11, 2, "not the master", "nodes", "--wait", "node2")
}

// leaving is a cluster with a node that was drained a moment ago.
const leaving = `
	cluster cluster tags=ganeti:watcher:autorepair:migrate
	group default
	node node1 mem=8192 disk=100000 master
	node node2 mem=8192 disk=100000 drained
	node node3 mem=8192 disk=100000
	node node4 mem=8192 disk=100000
	instance web1 template=sharedfile nodes=node2 state=up mem=512
	instance db1 template=drbd nodes=node3,node2 state=up mem=512
`

// N2: --wait looks until all nodes are empty, and runs no pass: here the watcher does
// between two looks.
func TestWaitForNodes(t *testing.T) {
	b := newBed(t, leaving)
	looks := 0
	b.pause = func() {
		looks++
		if jobs := len(b.m.Jobs()); looks == 1 && jobs != 0 {
			t.Errorf("%d jobs were submitted by looking", jobs)
		}
		if looks > 1 && looks%2 == 0 {
			pause := b.pause
			b.pause = nil
			b.nextPass()
			b.pause = pause
		}
		if looks > 20 {
			t.Fatal("it waits for ever")
		}
	}
	code, stdout, stderr := b.run("nodes", "--wait", "node2")
	if code != 0 || stdout != "node2: empty, safe to switch off\n" {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
	told := strings.Split(strings.TrimSpace(stderr), "\n")
	if told[0] != "node2: leaving, 1 primary, 1 secondary; goes on: 2 ready (db1, web1)" || told[len(told)-1] != "node2: empty" {
		t.Errorf("told:\n%s", stderr)
	}
	for k := 1; k < len(told); k++ {
		if told[k] == told[k-1] {
			t.Errorf("told twice: %s", told[k])
		}
	}
	if looks < 3 {
		t.Errorf("%d looks", looks)
	}
	// Offline nodes are waited for in the same way, and what is empty is told at once.
	b.m.Edit(func(c *luxitest.Cluster) { c.Node("node2").Drained, c.Node("node2").Offline = false, true })
	looks = 0
	if code, stdout, _ := b.run("nodes", "--wait", "node2", "--timeout", "1s"); code != 0 || looks != 0 || !strings.Contains(stdout, "node2: empty") {
		t.Errorf("%d after %d looks: %s", code, looks, stdout)
	}
}

// N2: how --wait ends otherwise: 3 when a node is stuck, 4 when the time is over, 1 when
// nothing leaves a node, as it is not drained.
func TestWaitForNodesEnds(t *testing.T) {
	for _, row := range []struct {
		what   string
		change func(c *luxitest.Cluster, look int)
		args   string
		code   int
		said   string
	}{
		{"stuck at once", func(c *luxitest.Cluster, _ int) { c.Tags = nil }, "node2", 3,
			"error: node2 is stuck: blocked: 2 no-permission (db1, web1)\nganeti-autorepair: hint: ganeti-autorepair status node:node2\n"},
		{"stuck with one", func(c *luxitest.Cluster, _ int) {
			c.Instance("web1").Tags = []string{"ganeti:watcher:autorepair:suspend"}
			c.Instance("db1").Secondaries = []string{"node4"}
		}, "node2", 3, "node2 is stuck: blocked: 1 suspended (web1)\nganeti-autorepair: hint: ganeti-autorepair resume web1\n"},
		{"offline, and all is blocked", func(c *luxitest.Cluster, _ int) {
			c.Tags, c.Node("node2").Drained, c.Node("node2").Offline = nil, false, true
		},
			"node2", 3, "node2 is stuck: "},
		{"stuck later", func(c *luxitest.Cluster, look int) {
			if look == 2 {
				c.Tags = nil
			}
		}, "node2", 3, "node2 is stuck"},
		{"one is empty, one is stuck", func(c *luxitest.Cluster, _ int) { c.Tags, c.Node("node4").Drained = nil, true }, "node4 node2", 3, "node2 is stuck"},
		{"one is empty, one goes on", func(c *luxitest.Cluster, _ int) { c.Node("node4").Drained = true }, "node4 node2 --timeout 20s", 4,
			"error: not empty after 20 s: node2: leaving, 1 primary, 1 secondary; goes on: 2 ready (db1, web1)\n"},
		{"nothing happens", func(*luxitest.Cluster, int) {}, "node2 --timeout 1m --every 7s", 4, "not empty after 1 min: node2: leaving"},
		{"never drained", func(*luxitest.Cluster, int) {}, "node3", 1, "node3 is neither drained nor offline, so nothing leaves it\nganeti-autorepair: hint: gnt-node modify --drained=yes --auto-promote node3\n"},
		{"undrained meanwhile", func(c *luxitest.Cluster, look int) { c.Node("node2").Drained = look < 2 }, "node2", 1, "node2 is neither"},
		{"no such node", func(*luxitest.Cluster, int) {}, "node2 node9", 1, "there is no node \"node9\""},
		{"the watcher is paused", func(c *luxitest.Cluster, _ int) { c.WatcherPause = present.Add(time.Hour) }, "node2 --timeout 1m", 4,
			"ganeti-autorepair: note: No pass acts: the watcher is paused"},
	} {
		b := newBed(t, leaving)
		look := 0
		b.pause = func() {
			if look++; look > 20 {
				t.Fatalf("%s: it waits for ever", row.what)
			}
			b.m.Edit(func(c *luxitest.Cluster) { row.change(c, look) })
		}
		b.m.Edit(func(c *luxitest.Cluster) { row.change(c, 0) })
		code, stdout, stderr := b.run(append([]string{"nodes", "--wait"}, strings.Fields(row.args)...)...)
		if code != row.code || stdout != "" || !strings.Contains(stderr, row.said) {
			t.Errorf("%s: %d, want %d and %q:\n%s%s", row.what, code, row.code, row.said, stdout, stderr)
		}
		if n := strings.Count(stderr, "No pass acts"); n > 1 {
			t.Errorf("%s: told %d times that no pass acts", row.what, n)
		}
		b.idle(row.what)
	}
}

// N2: a terminal shows a line for each node, cut to its width, over those of the last look,
// and none when it is over.
func TestWaitForNodesOnTerminal(t *testing.T) {
	b := newBed(t, leaving)
	looks := 0
	b.pause = func() {
		if looks++; looks == 2 {
			b.m.Edit(func(c *luxitest.Cluster) { c.Instances = nil })
		}
	}
	var out, stderr bytes.Buffer
	e := b.env(&out, &stderr)
	e.progress, e.messages = true, terminal{columns: 50, rows: 10}
	code := realMain(context.Background(), []string{"nodes", "--wait", "node2", "--every", "10s"}, e)
	const clear = "\x1b[1A\r\x1b[J"
	if want := "0 s  node2: leaving, 1 primary, 1 secondary; g...\n" + clear + "10 s  node2: leaving, 1 primary, 1 secondary; ...\n" + clear; code != 0 || stderr.String() != want || out.String() != "node2: empty, safe to switch off\n" {
		t.Errorf("%d\n%q\n%q, want %q", code, out.String(), stderr.String(), want)
	}
}

// A luxid that does not answer for a while ends no waiting, and is told once.
func TestWaitForNodesWithoutLuxid(t *testing.T) {
	b := newBed(t, leaving)
	b.m.Edit(func(c *luxitest.Cluster) { c.Tags, c.Instances = nil, c.Instances[:0] })
	b.m.StopLuxid()
	looks := 0
	b.pause = func() {
		if looks++; looks == 3 {
			if err := b.m.StartLuxid(); err != nil {
				t.Fatal(err)
			}
		}
	}
	code, stdout, stderr := b.run("nodes", "--wait", "node2")
	if code != 0 || looks != 3 || stdout != "node2: empty, safe to switch off\n" || strings.Count(stderr, "looks again: ") != 1 {
		t.Errorf("%d after %d looks\n%s%s", code, looks, stdout, stderr)
	}
}

// N4: that a node is empty is told once, to event programs and in the log, and again only
// after it was in use.
func TestNodeEmptyIsToldOnce(t *testing.T) {
	b := newBed(t, leaving)
	out := b.told(map[string]string{
		"10-env":  `[ "$AUTOREPAIR_EVENT" != node-empty ] || echo "$AUTOREPAIR_EVENT $AUTOREPAIR_NODE,$AUTOREPAIR_INSTANCE $AUTOREPAIR_WHY" >>OUT`,
		"20-json": `if [ "$AUTOREPAIR_EVENT" = node-empty ]; then cat >>OUT.json; fi`,
		"30-dead": `exit 3`,
	})
	log := ""
	passes := func(n int) []string {
		for ; n > 0; n-- {
			log += strings.Join(b.nextPass(), "\n") + "\n"
		}
		return lines(t, out)
	}
	const told = "node-empty node2, no instance and no unfinished job has it any more"
	if got := passes(1); len(got) != 0 {
		t.Errorf("told of a node that has instances: %q", got)
	}
	if got := passes(5); len(got) != 1 || got[0] != told {
		t.Errorf("%q", got)
	}
	if strings.Count(log, `msg="node is empty" node=node2`) != 1 || !strings.Contains(log, "30-dead event=node-empty node=node2 error=") {
		t.Errorf("log:\n%s", log)
	}
	text := lines(t, out+".json")
	if len(text) != 1 {
		t.Fatalf("%q", text)
	}
	validate(t, "event.json", text[0])
	var v map[string]any
	if err := json.Unmarshal([]byte(text[0]), &v); err != nil || v["node"] != "node2" || v["instance"] != "" {
		t.Errorf("%v: %s", err, text[0])
	}
	b.m.Edit(func(c *luxitest.Cluster) { c.Node("node2").Drained = false })
	passes(1)
	b.m.Edit(func(c *luxitest.Cluster) { c.Node("node2").Drained = true })
	if got := passes(2); len(got) != 2 || got[1] != told {
		t.Errorf("when it is empty again: %q", got)
	}
}

// N4: the metrics have how many nodes there are in each state, and those that are not ok.
func TestNodeMetrics(t *testing.T) {
	b, metrics := newMeasured(t, exampleClusters["bad-day"])
	b.run("run", "--from-watcher")
	text := metrics()
	for _, part := range []string{
		`nodes{cluster="bigboard.example.com",state="lost"} 2`, `nodes{cluster="bigboard.example.com",state="stuck"} 0`, `nodes{cluster="bigboard.example.com",state="ok"} 4`,
		`node_state{cluster="bigboard.example.com",node="node7.example.com",state="empty"} 1`,
		`node_instances_left{cluster="bigboard.example.com",node="node2.example.com",repair="blocked"} `,
	} {
		if !strings.Contains(text, "ganeti_autorepair_"+part) {
			t.Errorf("no %s in\n%s", part, text)
		}
	}
	if strings.Contains(text, `node="node1.example.com"`) {
		t.Error("a node that is ok has a series of its own")
	}
}

// What the manual and the tour show of nodes is what the program says.
func TestDocumentsShowNodes(t *testing.T) {
	b := newBed(t, `
	cluster cluster tags=ganeti:watcher:autorepair:migrate
	group default
	node node1 mem=8192 disk=100000 master
	node node2 mem=8192 disk=100000 drained
	node node3 mem=8192 disk=100000
	node node4 mem=8192 disk=100000
	instance db1 template=drbd nodes=node3,node2 mem=512
	instance web template=sharedfile nodes=node2 mem=512
	instance www template=sharedfile nodes=node2 mem=512
`)
	b.screen = terminal{columns: 80, rows: 24}
	_, shown, _ := b.run("nodes")
	b.m.Edit(func(c *luxitest.Cluster) { c.Instances = nil })
	b.screen = terminal{}
	_, empty, _ := b.run("nodes", "--wait", "node2")
	for _, path := range []string{"doc/ganeti-autorepair.8", "../../docs/tour.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "nodes\n"+shown) || !strings.Contains(string(text), "\n"+empty) {
			t.Errorf("%s does not show\n%s%s", path, shown, empty)
		}
	}
}

// X2: the states of nodes are known to the manual, the schema and the metrics, findings to
// the schema, the metrics and the alert rules; for the manual see
// TestManualHasEveryReasonAndState.
func TestNodeStatesAndFindingsAreKnownEverywhere(t *testing.T) {
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for _, state := range repair.NodeStates {
		for path, text := range map[string]string{
			"doc/ganeti-autorepair.8": ".IP \\fB" + string(state) + "\\fP 9\n", "schema/nodes.json": `"` + string(state) + `"`, "testdata/metrics.prom": `state="` + string(state) + `"`,
		} {
			if !strings.Contains(read(path), text) {
				t.Errorf("%s does not know the state %s of nodes", path, state)
			}
		}
	}
	for _, word := range repair.FindingWords {
		for path, text := range map[string]string{
			"schema/status.json": `"` + string(word) + `"`, "testdata/metrics.prom": `finding="` + string(word) + `"`, "../../examples/autorepair.rules.yml": string(word),
		} {
			if !strings.Contains(read(path), text) {
				t.Errorf("%s does not know the finding %s", path, word)
			}
		}
	}
}

// The columns of "nodes -o" are named as the keys of its JSON.
func TestNodeFieldsAreThoseOfTheJSON(t *testing.T) {
	var root struct {
		Defs struct {
			Node struct{ Properties map[string]json.RawMessage }
		} `json:"$defs"`
	}
	b := newBed(t, badNode)
	schema, err := os.ReadFile("schema/nodes.json")
	if err == nil {
		err = json.Unmarshal(schema, &root)
	}
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for key := range root.Defs.Node.Properties {
		keys = append(keys, key)
	}
	same(t, "nodes -o", fieldNames(nodeFields()), keys)
	if _, stdout, _ := b.run("list-fields", "--nodes", "--no-headers", "--separator=:", "blocked"); stdout != "blocked:Blocked:Of these, those that do not\n" {
		t.Errorf("%q", stdout)
	}
}

// W8: many nodes that become empty at once share a line of the log.
func TestManyEmptyNodesShareALine(t *testing.T) {
	var text strings.Builder
	text.WriteString("cluster c\nnode node1 master\n")
	for k := 0; k < 30; k++ {
		fmt.Fprintf(&text, "node n%02d offline\n", k)
	}
	b := newBed(t, text.String()+"instance web1 template=rbd nodes=node1\n")
	if log := b.nextPass(); len(log) != 1 || !strings.Contains(log[0], `msg="node is empty" nodes=30 among_them="n00 n01 n02 n03 n04"`) {
		t.Errorf("%q", log)
	}
}
