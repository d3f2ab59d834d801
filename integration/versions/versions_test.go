//go:build versions

// Package versions lets two versions of the program take turns at the same repairs: each
// goes on where the other one left off, whichever it is (X3).
package versions

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
)

var (
	older = flag.String("older", "", "the program of the version before")
	newer = flag.String("newer", "", "the program of this version")

	olderSettings = flag.String("older-settings", "", "the settings file that came with the version before")
)

// passes is in how many passes each story has come to its end.
const passes = 5

const nodes = `
cluster c tags=%s
group g
node n1 mem=8192 disk=100000 master
node n2 mem=8192 disk=100000 %s
node n3 mem=8192 disk=100000 %s
node n4 mem=8192 disk=100000
node n5 mem=8192 disk=100000
node n6 mem=8192 disk=100000
instance web %s mem=512
`

const prefix = "ganeti:watcher:autorepair:"

// stories are clusters that need repairs, and what must have become of the instance web,
// whoever took which pass. Of a tag ID and TIME are left out of results, of jobs all but the
// opcodes.
var stories = []struct{ name, cluster, jobs, tags string }{
	{
		"the primary node is lost", fmt.Sprintf(nodes, prefix+"failover", "offline dead", "", "template=drbd nodes=n2,n3"),
		"FAILOVER REPLACE_DISKS", "result:failover:success",
	}, {
		"the primary node is drained, the secondary lost", fmt.Sprintf(nodes, prefix+"migrate", "drained", "offline dead", "template=drbd nodes=n2,n3"),
		"REPLACE_DISKS MIGRATE REPLACE_DISKS", "result:migrate:success",
	}, {
		"no copy is left", fmt.Sprintf(nodes, prefix+"reinstall", "offline dead", "", "template=plain nodes=n2"),
		"RECREATE_DISKS+SHUTDOWN+REINSTALL+STARTUP", "result:reinstall:success",
	}, {
		"asked for once", fmt.Sprintf(nodes, "", "offline dead", "", "template=rbd nodes=n2 tags="+prefix+"pending:failover:by-hand:1000000000:"),
		"FAILOVER", "result:failover:success",
	}, {
		"too weak", fmt.Sprintf(nodes, prefix+"fix-storage", "offline dead", "", "template=rbd nodes=n2"),
		"", "result:failover:enoperm",
	}, {
		"suspended", fmt.Sprintf(nodes, prefix+"reinstall", "offline dead", "", "template=rbd nodes=n2 tags="+prefix+"suspend"),
		"", "suspend",
	}, {
		"words that are new", fmt.Sprintf(nodes, prefix+"failover,"+prefix+"node-offline", "offline dead tags="+prefix+"fenced:4000000000", "", "template=rbd nodes=n2"),
		"FAILOVER", "result:failover:success",
	},
}

// X3: whichever version takes which pass, each repair is done once, under one id, and ends
// with the same result; nothing is lost and nothing is left.
func TestVersionsTakeTurns(t *testing.T) {
	for _, s := range stories {
		s := s
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // passes wait most of the time
			for turn := 0; turn < 1<<passes; turn++ {
				var programs []string
				who := ""
				for k := 0; k < passes; k++ {
					program, name := *newer, "n"
					if turn&(1<<k) != 0 {
						program, name = *older, "o"
					}
					programs, who = append(programs, program), who+name
				}
				jobs, tags, log := play(t, s.cluster, programs)
				if jobs != s.jobs || tags != s.tags {
					t.Errorf("%s: jobs %q, tags %q, want %q, %q\n%s", who, jobs, tags, s.jobs, s.tags, log)
				}
			}
		})
	}
}

// stage is a simulated master, and a place for the files of the programs.
type stage struct {
	*luxitest.Master
	t    *testing.T
	root string
}

func newStage(t *testing.T, cluster string) stage {
	t.Helper()
	c, err := luxitest.Parse(cluster)
	if err != nil {
		t.Fatal(err)
	}
	c.DefaultIAllocator = "hail"
	m, err := luxitest.New(c, luxitest.Options{Durations: quick(), ProcessStart: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.MkdirTemp("", "ar") // short, for the socket
	if err != nil {
		t.Fatal(err)
	}
	s := stage{m, t, root}
	for _, dir := range []string{"var/log/ganeti", "var/lock"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.write("etc/ganeti/autorepair.toml", "max_unhealthy_nodes = 100\n")
	s.write("var/lib/ganeti/ssconf_master_node", "n1\n")
	if err := m.Start(s.file("luxi")); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s stage) end() {
	s.Close()
	os.RemoveAll(s.root)
}

func (s stage) file(path string) string { return filepath.Join(s.root, path) }

func (s stage) write(path, text string) {
	s.t.Helper()
	err := os.MkdirAll(filepath.Dir(s.file(path)), 0o755)
	if err == nil {
		err = os.WriteFile(s.file(path), []byte(text), 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// run runs a program, and returns all that it says.
func (s stage) run(program string, args ...string) (string, error) {
	cmd := exec.Command(program, append([]string{"-L", s.file("luxi")}, args...)...)
	cmd.Env = append(os.Environ(), "GANETI_ROOTDIR="+s.root, "GANETI_HOSTNAME=n1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// play lets programs take a pass each, and returns the repair jobs and the tags that the
// instance has in the end, and what was said.
func play(t *testing.T, cluster string, programs []string) (jobs, tags, log string) {
	t.Helper()
	m := newStage(t, cluster)
	defer m.end()
	for _, program := range programs {
		out, err := m.run(program, "run")
		log += fmt.Sprintf("%s: %v\n%s", program, err, out)
		if !m.RunUntilQuiet() {
			t.Fatal("a job never ends")
		}
	}
	for _, j := range m.Jobs() {
		var ops []string
		for _, op := range j.Ops {
			if strings.HasPrefix(op.ID, "OP_INSTANCE_") && op.ID != "OP_INSTANCE_QUERY_DATA" {
				ops = append(ops, strings.TrimPrefix(op.ID, "OP_INSTANCE_"))
			}
		}
		if len(ops) > 0 && !j.End.IsZero() && j.Status != "canceled" {
			jobs += " " + strings.Join(ops, "+")
		}
		log += fmt.Sprintf("job %d: %v %s\n", j.ID, ops, j.Status)
	}
	for _, tag := range m.Snapshot().Instance("web").Tags {
		log += tag + "\n"
		parts := strings.Split(strings.TrimPrefix(tag, prefix), ":")
		if parts[0] == "result" {
			parts = []string{"result", parts[1], parts[4]}
		}
		tags += " " + strings.Join(parts, ":")
	}
	return strings.TrimSpace(jobs), strings.TrimSpace(tags), log
}

// Every setting of the version before, with the value that its settings file shows, is a
// setting of this one.
func TestOlderSettingsAreUnderstood(t *testing.T) {
	text, err := os.ReadFile(*olderSettings)
	if err != nil {
		t.Fatal(err)
	}
	set := regexp.MustCompile(`(?m)^#([a-z_]+ = )`).ReplaceAllString(string(text), "$1")
	if set == string(text) {
		t.Fatal("no setting is there")
	}
	s := newStage(t, stories[0].cluster)
	defer s.end()
	s.write("etc/ganeti/autorepair.toml", set)
	if out, err := s.run(*newer, "run", "--dry-run"); err != nil || !strings.Contains(out, "web") {
		t.Errorf("%v\n%s", err, out)
	}
}

// X1: a snapshot that the version before has saved is read by this one, which says what is
// not there, and shows the same states and reasons.
func TestOlderSnapshotsAreRead(t *testing.T) {
	for _, story := range stories {
		s := newStage(t, story.cluster)
		saved := s.file("saved")
		want, err := s.run(*older, "status", "--all", "--save", saved, "-o", "instance,state,reason", "--no-headers", "--separator=:")
		if err != nil {
			t.Fatalf("%v\n%s", err, want)
		}
		got, err := s.run(*newer, "status", "--all", "--snapshot", saved, "-o", "instance,state,reason", "--no-headers", "--separator=:")
		if err != nil || !strings.Contains(got, "was saved by an older version") || !strings.HasSuffix(got, "\n"+want) {
			t.Errorf("%s: %v: %s, want a note and %s", story.name, err, got, want)
		}
		s.end()
	}
}

// quick are the times that opcodes take.
func quick() map[string]time.Duration {
	d := make(map[string]time.Duration)
	for _, op := range []string{"FAILOVER", "MIGRATE", "REPLACE_DISKS", "RECREATE_DISKS", "SHUTDOWN", "REINSTALL", "STARTUP"} {
		d["INSTANCE_"+op] = 5 * time.Millisecond
	}
	return d
}
