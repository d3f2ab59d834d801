//go:build cluster

package integration_test

import (
	"strings"
	"testing"
)

// advised returns the commands that explain suggests for an instance.
func (w *simWorld) advised(name string) []string {
	w.t.Helper()
	var list []string
	_, remedies, _ := strings.Cut(w.command(0, "What would change it", "explain", name), "What would change it")
	for _, line := range strings.Split(remedies, "\n") {
		if command := strings.TrimPrefix(line, "    "); command != line {
			list = append(list, strings.TrimSpace(command))
		}
	}
	return list
}

// typed types commands on the master, and wants Ganeti, or the program, to accept each. A
// job may fail for what the simulated nodes lack, but not be refused.
func (w *simWorld) typed(commands ...string) {
	w.t.Helper()
	// The simulated nodes have no SSH daemon to be set up by; all else is Ganeti's own.
	bin := w.Root(w.Master()) + "/bin"
	w.must(w.WriteFile(bin+"/ssh", []byte("#!/bin/sh\nexec cat >/dev/null\n"), 0o755))
	for _, command := range commands {
		words := strings.Fields(command)
		switch {
		case words[0] == "ganeti-autorepair":
			words[0] = program
			if words[len(words)-1] == "reinstall" {
				words = append(words, "--yes") // there is no terminal
			}
			if len(words) > 2 && words[1] == "nodes" && words[2] == "--wait" {
				words = append(words, "--timeout=1s") // nobody does passes meanwhile
			}
		case strings.HasPrefix(command, "gnt-instance move "):
			words = append(words[:2:2], append([]string{"-f", "--dry-run"}, words[2:]...)...)
		case strings.HasPrefix(command, "gnt-instance reinstall "), strings.HasPrefix(command, "gnt-instance migrate "),
			strings.HasPrefix(command, "gnt-instance failover "):
			words = append(words[:2:2], append([]string{"-f"}, words[2:]...)...)
		}
		words = append([]string{"env", "PATH=" + bin + ":/usr/sbin:/usr/bin:/sbin:/bin"}, words...)
		if r := w.run(w.Master(), words...); !accepted(command, r) {
			w.t.Errorf("%s: %d\n%s%s", command, r.code, r.stdout, r.stderr)
		}
	}
}

// accepted reports whether a command was not refused.
func accepted(command string, r ran) bool {
	switch {
	case r.code == 0:
		return true
	case strings.Contains(command, "--readd"):
		return false
	case strings.HasPrefix(command, "gnt-cluster verify"), strings.HasPrefix(command, "ganeti-autorepair check"):
		return r.code == 1 && !strings.Contains(r.stderr, "Failure: ") // they have found something
	case strings.HasPrefix(command, "ganeti-autorepair nodes --wait"):
		return r.code == 3 || r.code == 4
	}
	return strings.Contains(r.stderr, "Failure: command execution error")
}

// wantAdvice checks what explain suggests for an instance, and types it.
func (w *simWorld) wantAdvice(name string, want ...string) {
	w.t.Helper()
	got := w.advised(name)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.t.Errorf("for %s is suggested\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	w.typed(got...)
}

// O4: what explain suggests can be typed in the state in which it is suggested.
func TestAdviceCanBeTyped(t *testing.T) {
	w := newRepairWorld(t, "web sharedfile node2", "local plain node3", "away file node2 stopped", "broken file node2 failing", "good sharedfile node4")
	readd := "gnt-node add --readd node2"
	w.lostPower("node2")
	w.must(w.Drain(w.ctx, "node3"))
	w.typed("gnt-instance modify --offline away", "ganeti-autorepair repair broken reinstall")
	w.pass()
	w.jobsEnd()
	w.passAnyhow() // it ends with an error, as a repair has failed

	w.wantAdvice("good", "ganeti-autorepair run --dry-run --assume-offline node4")
	w.wantAdvice("local", "gnt-instance move -n node4 local", "gnt-node modify --drained=no node3")
	if got := w.advised("broken"); len(got) < 2 || !strings.HasPrefix(got[0], "gnt-job info ") || got[1] != "ganeti-autorepair ack broken" {
		t.Errorf("for broken is suggested %q", got)
	} else {
		w.typed(got[:2]...)
	}
	w.wantAdvice("broken", "gnt-instance reinstall broken", "gnt-instance start broken", "ganeti-autorepair ack --intact broken")
	w.must(w.sim.PowerOn("node2")) // the readding is suggested for a node that is back
	w.wantAdvice("web", "ganeti-autorepair repair web failover", "ganeti-autorepair policy web failover", "ganeti-autorepair policy group:default failover", readd)
	w.must(w.Offline(w.ctx, "node2"))
	w.typed("ganeti-autorepair policy away reinstall")
	w.wantAdvice("away", "gnt-instance modify --online away", readd)
}
