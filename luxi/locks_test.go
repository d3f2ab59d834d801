package luxi_test

import (
	"reflect"
	"testing"

	"ganeti-autorepair/luxi"
)

func TestWaitsForLock(t *testing.T) {
	const rows = `[[[0,[]]],[[0,[["shared",["12","7"]],["exclusive",["31"]]]]]]`
	for _, tt := range []struct {
		rows string
		job  luxi.JobID
		want bool
		fail bool
	}{
		{rows, 12, true, false}, {rows, 7, true, false}, {rows, 31, true, false}, {rows, 1, false, false}, {`[]`, 12, false, false},
		{`[[[0,[["shared",12]]]]]`, 12, false, true}, {`[[[0,["shared"]]]]`, 12, false, true}, {`[[[2,null]]]`, 12, false, true},
	} {
		s, c := serve(t, luxi.Options{}, answerOK(`{"fields":`+columns("pending")+`,"data":`+tt.rows+`}`))
		got, err := c.WaitsForLock(bg, tt.job)
		if got != tt.want || (err != nil) != tt.fail {
			t.Errorf("job %d among %s: %v, %v", tt.job, tt.rows, got, err)
		}
		if sent, _ := s.seen(); sent[0] != `{"method":"Query","args":["lock",["pending"],null]}` {
			t.Errorf("sent %s", sent[0])
		}
	}
}

func TestQueryLocks(t *testing.T) {
	names := columns("name", "mode", "owner", "pending")
	s, c := serve(t, luxi.Options{}, answerOK(`{"fields":`+names+`,"data":[
		[[0,"cluster/BGL"],[0,"shared"],[0,["12","7"]],[0,[]]],
		[[0,"instance/web1.example.com"],[0,"exclusive"],[0,["12"]],[0,[["shared",["31"]],["exclusive",["32"]]]]],
		[[0,"node/[lockset]"],[0,null],[0,[]],[0,[["exclusive",["31"]]]]],
		[[0,"node/u1"],[0,null],[0,[]],[0,[]]],
		[[0,"cluster/config"],[0,"exclusive"],[0,["\"wconfd\""]],[0,[]]]]}`))
	got, err := c.QueryLocks(bg)
	want := []luxi.Lock{
		{Level: "cluster", Object: "BGL", Holders: []luxi.JobID{12, 7}},
		{Level: "instance", Object: "web1.example.com", Exclusive: true, Holders: []luxi.JobID{12}, Waiters: []luxi.JobID{31, 32}},
		{Level: "node", Object: luxi.LockAll, Waiters: []luxi.JobID{31}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if sent, _ := s.seen(); sent[0] != `{"method":"Query","args":["lock",["name","mode","owner","pending"],null]}` {
		t.Errorf("sent %s", sent[0])
	}
	for _, row := range []string{
		`[[0,null],[0,null],[0,[]],[0,[]]]`, `[[0,"a/b"],[0,1],[0,[]],[0,[]]]`, `[[0,"a/b"],[0,null],[0,[1]],[0,[]]]`,
		`[[0,"a/b"],[0,null],[0,[]],[0,["shared"]]]`, `[[0,"a/b"],[0,null],[0,[]],[2,null]]`,
	} {
		_, c := serve(t, luxi.Options{}, answerOK(`{"fields":`+names+`,"data":[`+row+`]}`))
		if got, err := c.QueryLocks(bg); err == nil {
			t.Errorf("%s: %+v", row, got)
		}
	}
}
