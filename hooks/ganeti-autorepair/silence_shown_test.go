package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

// K2, A1, X1: explain says of an instance that its node does not answer, since when, and what
// the marking waits for, in the words of nodes and status; and all that is told of silent
// nodes is told of a saved cluster, too.
func TestExplainOfSilentNodes(t *testing.T) {
	const command = "gnt-node modify --offline=yes --auto-promote node2"
	for _, row := range []struct {
		what, settings string
		dead           []string
		passes         int    // after the one that finds it
		words          string // what all three say
		reason         string
		command        string
	}{
		{"report only", "", []string{"node2"}, 1, "is it dead? then switch it off and mark it offline", "", command},
		{"too soon", markSettings, []string{"node2"}, 1, "not marked offline yet (too-soon: it is silent since ", "too-soon", command},
		{"no permission", markSettings, []string{"node2"}, 3, "not marked offline yet (no-permission: neither its group nor the cluster has the tag ganeti:watcher:autorepair:node-offline)", "no-permission", command},
		{"cut off", markSettings, []string{"node2", "node3", "node4"}, 1, "3 of 4 other nodes do not answer", "cut-off", "gnt-list"},
	} {
		if row.command == "gnt-list" {
			row.command = "gnt-node list -o name,role,bootid"
		}
		n := fencedNight(t, row.settings)
		if row.reason == "no-permission" {
			n.m.Edit(func(c *luxitest.Cluster) { c.Tags = []string{"ganeti:watcher:autorepair:failover"} })
		}
		n.dies(row.dead...)
		n.untilSilent("node2")
		n.later(time.Duration(row.passes) * 5 * time.Minute)
		for _, args := range [][]string{
			{"explain", "web1"}, {"explain", "web1", "--json"}, {"explain", "db1"}, {"explain", "web5", "--json"},
			{"nodes"}, {"nodes", "--all", "--json"}, {"nodes", "-o", "+silent_since,not_marked,why_not_marked", "--no-headers"},
		} {
			saved := filepath.Join(n.root, "saved.json")
			code, live, stderr := n.run(append(args, "--save", saved)...)
			again, of, _ := n.run(append(args, "--snapshot", saved)...)
			if code != 0 || again != 0 || withoutPasses(of) != withoutPasses(live) {
				t.Errorf("%s: %v: %d, live\n%s%s\nof the snapshot\n%s", row.what, args, code, live, stderr, of)
			}
		}
		_, status, _ := n.run("status")
		_, nodes, _ := n.run("nodes")
		_, explain, _ := n.run("explain", "web1")
		for what, text := range map[string]string{"status": status, "nodes": nodes, "explain": explain} {
			if !strings.Contains(unfolded(text), row.words) {
				t.Errorf("%s: %s does not say %q:\n%s", row.what, what, row.words, text)
			}
		}
		n.has("explain", unfolded(explain), "Its primary node is node2 (online, does not answer)", "None of its nodes is offline or drained", "\n "+row.command+"\n")
		_, stdout, _ := n.run("explain", "web1", "--json")
		validate(t, "explain.json", stdout)
		var told struct {
			Silent []struct {
				Node, Command string
				Since         int64  `json:"silent_since"`
				NotMarked     string `json:"not_marked"`
			} `json:"silent_nodes"`
		}
		n.must(json.Unmarshal([]byte(stdout), &told))
		want := fmt.Sprintf("[{node2 %s %d %s}]", row.command, n.memory("node2").Since, row.reason)
		if got := fmt.Sprint(told.Silent); got != want {
			t.Errorf("%s: explain --json says %s, want %s", row.what, got, want)
		}
		// What lives on nodes that answer needs no word of it.
		if _, other, _ := n.run("explain", "web5"); strings.Contains(other, "answer") {
			t.Errorf("%s: explain web5:\n%s", row.what, other)
		}
	}
}

// withoutPasses leaves out the sentence about the last pass, which a snapshot does not have.
func withoutPasses(text string) string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if !strings.Contains(line, "The last pass was ") {
			lines = append(lines, strings.TrimSuffix(line, ","))
		}
	}
	return strings.Join(lines, "\n")
}

// unfolded joins lines that were folded, and has one space between words.
func unfolded(text string) string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if len(lines) > 0 && strings.HasPrefix(line, "    ") && !strings.HasPrefix(strings.TrimSpace(line), "gnt-") && !strings.HasSuffix(lines[len(lines)-1], ":") {
			lines[len(lines)-1] += " " + strings.TrimSpace(line)
			continue
		}
		lines = append(lines, line)
	}
	for k, line := range lines {
		if strings.HasPrefix(line, " ") {
			lines[k] = " " + strings.Join(strings.Fields(line), " ")
		}
	}
	return strings.Join(lines, "\n")
}
