package read_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

const answering = `
	group default
	node node1 master
	node node2
	node node3 dead
	node node4 offline dead
	instance i nodes=node3
	instance j nodes=node4
	instance k nodes=node2
`

// K2: what luxid says of a node that answers, of one that does not, of one that is offline,
// and of one that is no node of the cluster.
func TestWhoAnswers(t *testing.T) {
	r := simtest.New(t, answering)
	a, err := read.WhoAnswers(simtest.Background, r.Client(), time.Minute, []string{"node2", "node3", "node4", "gone"})
	want := map[string]repair.NodeAnswer{"node2": repair.AnswerGiven, "node3": repair.AnswerMissing}
	if err != nil || !reflect.DeepEqual(a.Answers, want) || len(a.Why) != 1 || a.Why["gone"] == "" {
		t.Errorf("%v, %v, %v", a.Answers, a.Why, err)
	}
}

// K2: nodes of which luxid says nothing in the time they have are late, which is not silent.
func TestLateAnswers(t *testing.T) {
	r := simtest.New(t, answering)
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		if strings.Contains(string(c.Args), "bootid") {
			return luxitest.Ignore()
		}
		return luxitest.Pass()
	})
	a, err := read.WhoAnswers(simtest.Background, r.Client(), time.Millisecond, []string{"node2", "node3"})
	want := map[string]repair.NodeAnswer{"node2": repair.AnswerLate, "node3": repair.AnswerLate}
	if err != nil || !reflect.DeepEqual(a.Answers, want) || len(a.Why) != 0 {
		t.Errorf("%v, %v, %v", a.Answers, a.Why, err)
	}
}

// K1: the primary nodes of all instances are read without asking a node.
func TestPrimaries(t *testing.T) {
	r := simtest.New(t, answering)
	got, err := read.Primaries(simtest.Background, r.Client())
	want := map[string]string{"i": "node3", "j": "node4", "k": "node2"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}
