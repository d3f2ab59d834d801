package luxi_test

import (
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
