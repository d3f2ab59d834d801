package main

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
)

// V5: vouch asks for a yes, and then writes the tag with the time on the nodes; any
// other answer, and no terminal, writes nothing. Nodes that are not offline are
// refused.
func TestVouch(t *testing.T) {
	tag := fmt.Sprintf("ganeti:watcher:autorepair:fenced:%d", present.Unix())
	const old = "ganeti:watcher:autorepair:fenced:1600000000"
	for _, row := range []struct {
		args, answer string
		terminal     bool
		code         int
		tag          string // that node2 has afterwards
		said         string
	}{
		{"vouch node2", "yes\n", true, 0, tag, "node2: vouched for, as long as it stays offline\nnode2: note: fence is \"none\""},
		{"vouch node:node2", "yes\n", true, 0, tag, "node2: vouched for"},
		{"vouch node2 node2.example.com", "yes\n", true, 1, old, "there is no node \"node2.example.com\""},
		{"vouch node2", "y\n", true, 13, old, "the answer was not yes"},
		{"vouch node2", "", true, 13, old, "the answer was not yes"},
		{"vouch node2", "yes\n", false, 13, old, "as there is no terminal to ask on\nganeti-autorepair: hint: the same command with --yes\n"},
		{"vouch --yes node2", "", false, 0, tag, "vouched for"},
		{"vouch --dry-run node2", "", false, 0, old, "would be vouched for\n  add     " + tag + "\n  remove  " + old + "\n"},
		{"vouch --yes node2 node3", "", false, 1, old, "error: node node3 is not marked offline\nganeti-autorepair: hint: gnt-node modify --offline=yes --auto-promote node3\n"},
		{"vouch --yes --timeout 2m node2", "", false, 2, old, "at most 50s"},
		{"vouch --yes", "", false, 2, old, "expected"},
	} {
		b := newBed(t, badNode)
		b.m.Edit(func(c *luxitest.Cluster) { c.Node("node2").Tags = []string{old, "other"} })
		if row.terminal {
			b.tty = &fakeTTY{Reader: strings.NewReader(row.answer)}
		}
		code, stdout, stderr := b.run(strings.Fields(row.args)...)
		said := stdout + stderr
		if code != row.code || !strings.Contains(said, row.said) {
			t.Errorf("%s, answered %q: %d, want %d and %q:\n%s", row.args, row.answer, code, row.code, row.said, said)
		}
		if got := strings.Join(b.m.Snapshot().Node("node2").Tags, " "); got != old+" other" && row.tag == old || row.tag != old && got != "other "+row.tag {
			t.Errorf("%s, answered %q: tags %q", row.args, row.answer, got)
		}
		if asked := b.tty != nil && strings.HasSuffix(b.tty.asked.String(), "Type yes: "); asked != (row.terminal && row.code != 2 && !strings.Contains(row.said, "there is no")) {
			t.Errorf("%s: asked: %v", row.args, asked)
		}
	}
}
