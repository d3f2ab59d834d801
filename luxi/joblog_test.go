package luxi_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

func logLine(serial int, text string) luxi.LogLine {
	return luxi.LogLine{Serial: serial, Time: time.Unix(1700000000+int64(serial), 5000).UTC(), Type: "message", Text: text}
}

func TestJobLog(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK(`[
		[7,"running",[[[1,[1700000001,5],"message","one"]],[[2,[1700000002,5],"delay-test",["/x"]],[3,[1700000003,5],"message","three"]],[]]],
		[9,null,null],
		[8,"error",[[[1,[1700000001,5],"message","one"],[2]],[[3,[1700000003,5],"message","three"]]]]]`))
	got, err := c.JobLog(bg, 7, 9, 7, 8)
	if err != nil {
		t.Fatal(err)
	}
	if sent, _ := s.seen(); sent[0] != `{"method":"QueryJobs","args":[[7,9,8],["id","status","oplog"]]}` {
		t.Errorf("sent %s", sent[0])
	}
	socket := logLine(2, `["/x"]`)
	socket.Type = "delay-test"
	want := luxi.JobLog{ID: 7, Known: true, Status: luxi.JobRunning, Ops: []luxi.OpLog{
		{Lines: []luxi.LogLine{logLine(1, "one")}}, {Lines: []luxi.LogLine{socket, logLine(3, "three")}}, {},
	}}
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("got  %+v\nwant %+v", got[0], want)
	}
	if !reflect.DeepEqual(got[1], luxi.JobLog{ID: 9}) {
		t.Errorf("unknown job: %+v", got[1])
	}
	// S16: one log that cannot be read says nothing of the others.
	bad := got[2]
	if len(got) != 3 || bad.ID != 8 || bad.Ops[0].Err == nil || bad.Ops[0].Lines != nil ||
		!reflect.DeepEqual(bad.Ops[1], luxi.OpLog{Lines: []luxi.LogLine{logLine(3, "three")}}) {
		t.Errorf("a log that cannot be read: %+v", bad)
	}
}

func TestNoJobLog(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK(`[[1,"error",[]]]`))
	if got, err := c.JobLog(bg); got != nil || err != nil {
		t.Errorf("no ids: %v, %v", got, err)
	}
	if got, err := c.JobLog(bg, 1, 0); got != nil || err == nil || luxi.OutcomeUnknown(err) {
		t.Errorf("job 0: %v, %v", got, err)
	}
	if sent, _ := s.seen(); len(sent) != 0 {
		t.Errorf("sent %q", sent)
	}
}

func TestJobLogShape(t *testing.T) {
	for _, result := range []string{
		`null`, `{}`, `[]`, `[null]`, `[[7,"error"]]`, `[[7,"error",[],1]]`, `[[8,"error",[]]]`, `[[0,"error",[]]]`,
		`[["7","error",[]]]`, `[[null,null,null]]`, `[[7,"done",[]]]`, `[[7,1,[]]]`, `[[7,"error",[]],[7,"error",[]]]`,
	} {
		s, c := serve(t, luxi.Options{}, answerOK(result))
		got, err := c.JobLog(bg, 7)
		var proto *luxi.ProtocolError
		if !errors.As(err, &proto) || got != nil {
			t.Errorf("%s: %v, %v", result, got, err)
		}
		s.awaitOpen(0)
	}
	for _, log := range []string{
		`null`, `{}`, `[null]`, `[1]`, `[["x"]]`, `[[[]]]`, `[[["1",[1,2],"message","x"]]]`, `[[[1,[1],"message","x"]]]`,
		`[[[1,[1,-1],"message","x"]]]`, `[[[1,[1,2],null,"x"]]]`, `[[[1,[1,2],"message"]]]`,
	} {
		_, c := serve(t, luxi.Options{}, answerOK(`[[7,"error",`+log+`]]`))
		got, err := c.JobLog(bg, 7)
		if err != nil || got[0].Status != luxi.JobError || len(got[0].Ops) != 1 || got[0].Ops[0].Err == nil || !got[0].Ops[0].MigrationBegan() {
			t.Errorf("log %s: %+v, %v", log, got, err)
		}
	}
}

// S16: what a migration's log says of where the instance may run.
func TestMigrationBegan(t *testing.T) {
	for _, tt := range []struct {
		log  luxi.OpLog
		want bool
	}{
		{luxi.OpLog{}, false},
		{luxi.OpLog{Lines: []luxi.LogLine{logLine(1, "Migrating instance i1"), logLine(2, "* preparing n2 to accept the instance"), logLine(3, "Pre-migration failed, aborting")}}, false},
		{luxi.OpLog{Lines: []luxi.LogLine{logLine(1, "* migrating instance to n2"), logLine(2, "Migration failed, aborting")}}, true},
		{luxi.OpLog{Err: errors.New("unreadable")}, true},
	} {
		if tt.log.MigrationBegan() != tt.want {
			t.Errorf("%+v: %t", tt.log, !tt.want)
		}
	}
}

// S16: where a cleanup has found an instance is told by its log.
func TestFoundOn(t *testing.T) {
	for _, row := range []struct{ lines, want string }{
		{"Migrating instance web\n* checking where the instance actually runs (if this hangs, the hypervisor might be in a bad state)\n* instance running on secondary node (node3), updating config", "node3"},
		{"* instance running on unexpected node (node4), updating as the new secondary\n* instance running on secondary node (node4), updating config\n* wait until resync is done", "node4"},
		{"* instance confirmed to be running on its primary node (node2)", "node2"},
		{"* instance running on: node3", ""},
		{"* migrating instance to node3", ""},
		{"", ""},
	} {
		var log luxi.OpLog
		for _, line := range strings.Split(row.lines, "\n") {
			log.Lines = append(log.Lines, luxi.LogLine{Text: line})
		}
		if got := log.FoundOn(); got != row.want {
			t.Errorf("%q: %q, want %q", row.lines, got, row.want)
		}
	}
}

// P19: what a replace-disks log says of whether all was done.
func TestReplaceDisksFinished(t *testing.T) {
	for _, tt := range []struct {
		want  bool
		lines []string
	}{
		{false, nil},
		{false, []string{"STEP 5/6 Sync devices", " - INFO: Instance i1's disks are in sync"}},
		{true, []string{"STEP 5/6 Sync devices", " - INFO: Instance i1's disks are in sync", "STEP 6/6 Removing old storage"}},
		// With early_release.
		{false, []string{"STEP 5/6 Removing old storage"}},
		{false, []string{"STEP 5/6 Removing old storage", "STEP 6/6 Sync devices", " - INFO: - device disk/0:  5.00% done, no time estimate"}},
		{true, []string{"STEP 5/6 Removing old storage", "STEP 6/6 Sync devices", " - INFO: Instance i1's disks are in sync"}},
	} {
		var log luxi.OpLog
		for n, text := range tt.lines {
			log.Lines = append(log.Lines, logLine(n+1, text))
		}
		if log.ReplaceDisksFinished() != tt.want {
			t.Errorf("%q: %t", tt.lines, !tt.want)
		}
	}
	if (luxi.OpLog{Err: errors.New("unreadable")}).ReplaceDisksFinished() {
		t.Error("a log that cannot be read tells that all was done")
	}
}

func TestDelaySocket(t *testing.T) {
	for _, tt := range []struct {
		row    string
		status luxi.JobStatus
		socket string
	}{
		{`[7,"queued",[[]]]`, luxi.JobQueued, ""},
		{`[7,"running",[[]]]`, luxi.JobRunning, ""},
		{`[7,"running",[[[1,[1,2],"message","[\"/no\"]"],[2,[1,2],"delay-test",["/tmp/x/sock"]]]]]`, luxi.JobRunning, "/tmp/x/sock"},
		{`[7,"running",[[[2,[1,2],"delay-test","/tmp/x/sock"]]]]`, luxi.JobRunning, ""},
		{`[7,"running",[[[2,[1,2],"delay-test",[1]]]]]`, luxi.JobRunning, ""},
		{`[7,"running",7]`, luxi.JobRunning, ""},
	} {
		_, c := serve(t, luxi.Options{}, answerOK(`[`+tt.row+`]`))
		status, socket, err := c.DelaySocket(bg, 7)
		if status != tt.status || socket != tt.socket || err != nil {
			t.Errorf("%s: %s, %q, %v", tt.row, status, socket, err)
		}
	}
	_, c := serve(t, luxi.Options{}, answerOK(`[[7,null,null]]`))
	if _, _, err := c.DelaySocket(bg, 7); !errors.Is(err, luxi.ErrJobLost) {
		t.Errorf("unknown job: %v", err)
	}
	_, c = serve(t, luxi.Options{}, func(r *request) { r.fail(`["GenericError",["no"]]`) })
	if _, _, err := c.DelaySocket(bg, 7); err == nil {
		t.Error("no error where luxid refuses")
	}
}

// TestEndDelay: a connection that is closed without a byte is the signal.
func TestEndDelay(t *testing.T) {
	dir, err := os.MkdirTemp("", "luxi") // not t.TempDir: its path is too long
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan int, 1)
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			read <- -1
			return
		}
		defer nc.Close()
		n, _ := nc.Read(make([]byte, 1))
		read <- n
	}()
	if err := luxi.EndDelay(bg, socket); err != nil {
		t.Error(err)
	}
	if n := <-read; n != 0 {
		t.Errorf("read %d", n)
	}
	ln.Close()
	if err := luxi.EndDelay(bg, socket); err == nil {
		t.Error("no error without a listener")
	}
	done, cancel := context.WithCancel(bg)
	cancel()
	if err := luxi.EndDelay(done, socket); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestQueryProgress(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK(`[
		[7,"running",["success","running"],["A","B"],[1700000000,5],[[[1,[1700000001,5],"message","one"]],[[2,[1700000002,5],"message","two"]]]],
		[8,"queued",["queued"],["A"],null,[[]]],
		[9,null,null,null,null,null],
		[10,"error",["error"],["A"],[1700000000,5],[1]]]`))
	got, err := c.QueryProgress(bg, []luxi.JobID{7, 8, 9, 10})
	if err != nil {
		t.Fatal(err)
	}
	if sent, _ := s.seen(); sent[0] != `{"method":"QueryJobs","args":[[7,8,9,10],["id","status","opstatus","summary","start_ts","oplog"]]}` {
		t.Errorf("sent %s", sent[0])
	}
	started := time.Unix(1700000000, 5000).UTC()
	want := []luxi.JobProgress{
		{ID: 7, Known: true, Status: luxi.JobRunning, Ops: []luxi.JobStatus{luxi.JobSuccess, luxi.JobRunning}, Summary: []string{"A", "B"},
			Started: started, Log: []luxi.LogLine{logLine(1, "one"), logLine(2, "two")}},
		{ID: 8, Known: true, Status: luxi.JobQueued, Ops: []luxi.JobStatus{luxi.JobQueued}, Summary: []string{"A"}},
		{ID: 9},
		{ID: 10, Known: true, Status: luxi.JobError, Ops: []luxi.JobStatus{luxi.JobError}, Summary: []string{"A"}, Started: started},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, row := range []string{
		`[7,"queued",null,["A"],null,[[]]]`, `[7,"queued",["queued"],["A"],[1],[[]]]`, `[7,"queued",["queued"],null,null,[[]]]`,
		`[7,"queued",["queued"],["A"],[1,-1],[[]]]`,
	} {
		_, c := serve(t, luxi.Options{}, answerOK(`[`+row+`]`))
		var proto *luxi.ProtocolError
		if got, err := c.QueryProgress(bg, []luxi.JobID{7}); !errors.As(err, &proto) || got != nil {
			t.Errorf("%s: %v, %v", row, got, err)
		}
	}
}
