package read_test

import (
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// R1, D2, D9: failed starts in a row are remembered, and closer looks let something be done,
// only as long as no job was left out that may have started the instance, or changed its
// disks. That a copy was lost is never forgotten so.
func TestVerificationsAfterAGap(t *testing.T) {
	for _, c := range []struct {
		what  string
		known repair.Verifications
		keeps bool
	}{
		{"all jobs were looked through", repair.Verifications{UpTo: 1, Since: 1}, true},
		{"the queue began anew", repair.Verifications{UpTo: 100, Since: 1}, false},
		{"too many jobs since", repair.Verifications{UpTo: -20000, Since: 1}, false},
		{"nothing was looked through", repair.Verifications{}, false},
	} {
		r := simtest.New(t, answering)
		ctx, client, now := simtest.Background, r.Client(), r.Master.Now()
		for n := 0; n < 3; n++ {
			if _, err := client.SubmitJob(ctx, []luxi.OpCode{&luxi.TestDelay{Duration: 0.001, OnMaster: true}}); err != nil {
				t.Fatal(err)
			}
		}
		c.known.Starts = map[string]repair.StartTries{"u": {Failed: 5, Newest: now.Unix() - 3600}, "long ago": {Failed: 5, Newest: now.Unix() - 2*86400}}
		c.known.Looks = map[string]repair.DiskLook{"u": {Begun: now.Unix(), Lost: []string{"node2"}}}
		after, err := read.ReadVerifications(ctx, client, map[string]string{}, now, c.known)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		look := after.Looks["u"]
		if kept := len(after.Starts) == 1; kept != c.keeps || look.Outdated == c.keeps || len(look.Lost) != 1 {
			t.Errorf("%s: starts are kept: %v, want %v; the look is %+v", c.what, kept, c.keeps, look)
		}
	}
}
