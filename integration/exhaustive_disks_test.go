package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/tagstore"
)

// A diskSituation is a row of the table for broken disks on good nodes (D1 to D10): what is
// true of both copies, and all else that a decision depends on.
type diskSituation struct {
	primary, secondary string // "whole", "diskless", "volumes lost", "no device"
	line               string // "connected", "cut", "stand-alone", "copying"
	version            string // of Ganeti, which give ldisk_status 4 different meanings
	disks              string // the setting
	permission         string // a type, "none", "suspended", "asked for": a request, and no policy; or "request beside ..."
	sign               string // "none", "once", "first" (the only verification there is), "lasting", "inactive"
	look               string // "none", "fresh", "old", "elsewhere", "moved"
	newest             string // the newest repair: "none", "job lately", "job long ago", "result lately", "result long ago"
}

var (
	copyStates      = []string{"whole", "diskless", "volumes lost", "no device"}
	lineStates      = []string{"connected", "cut", "stand-alone", "copying"}
	diskPermissions = []string{"none", "fix-storage", "migrate", "failover", "reinstall", "suspended", "asked for", "asked for, suspended"}
)

// possible leaves out what cannot be: a device that is not there is not connected.
func (r *diskSituation) possible() bool {
	connected := r.line == "connected" || r.line == "copying"
	return !connected || r.primary != "no device" && r.secondary != "no device"
}

// status is what a node says of its device (GetSyncStatus in lib/storage/drbd.py): 4 is a
// device without its disk, and from 3.1 on also one that is stand-alone.
func (r *diskSituation) status(state string, copied bool) *luxi.DiskStatus {
	if state == "no device" {
		return nil
	}
	s := &luxi.DiskStatus{Local: 1, Degraded: state != "whole" || r.line == "cut" || r.line == "stand-alone"}
	if state != "whole" || r.version == "3.1" && r.line == "stand-alone" {
		s.Local = 4
	}
	if copied && r.line == "copying" {
		s.Local, s.Degraded, s.Syncing, s.Percent = 2, true, true, 30
	}
	return s
}

// volume is what a node says of a logical volume.
func volume(state string) *luxi.DiskStatus {
	if state == "volumes lost" || state == "no device" {
		return nil
	}
	return &luxi.DiskStatus{Local: 1}
}

// data is the disk as INSTANCE_QUERY_DATA tells of it.
func (r *diskSituation) data() luxi.InstanceData {
	part := luxi.Disk{Type: "plain", VolumeGroup: "xenvg", Primary: volume(r.primary), Secondary: volume(r.secondary)}
	return luxi.InstanceData{
		Name: "web", UUID: "web-uuid", Primary: "a", Secondaries: []string{"b"}, Template: "drbd",
		Disks: []luxi.Disk{{Type: "drbd", Primary: r.status(r.primary, false), Secondary: r.status(r.secondary, true), Parts: []luxi.Disk{part, part}}},
	}
}

// snapshot renders the situation for the code under test.
func (r *diskSituation) snapshot() (*repair.Snapshot, repair.Settings) {
	now := time.Unix(nowSeconds, 0).UTC()
	ago := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	set := repair.DefaultSettings()
	set.Disks, set.RepeatAfter = r.disks, 24*time.Hour
	var tags []string
	switch r.permission {
	case "none":
	case "suspended":
		tags = []string{"fix-storage", "suspend"}
	case "asked for, suspended":
		tags = []string{"suspend", fmt.Sprintf("pending:fix-storage:r-aaaaaaaa:%d:", ago(5).Unix())}
	case "asked for":
		tags = []string{fmt.Sprintf("pending:fix-storage:r-aaaaaaaa:%d:", ago(5).Unix())}
	default:
		tags = []string{r.permission}
	}
	results := map[string]int{"result lately": 60, "result long ago": 60 * 25}
	if minutes := results[r.newest]; minutes > 0 {
		tags = append(tags, fmt.Sprintf("result:fix-storage:p-bbbbbbbb:%d:success:3", ago(minutes).Unix()))
	}
	web := repairtest.Instance("web", "drbd", "a b", "")
	web.Tags = tagstore.Parse(luxi.TagInstance, prefixed(tags))
	s := repairtest.Snapshot("m a b c", web)
	s.Time = now
	o := repair.Observed{Now: now, Verified: repair.Verifications{Groups: map[string]repair.VerifiedGroup{}, Looks: map[string]repair.DiskLook{}}}
	var g repair.VerifiedGroup
	for k, minutes := range []int{40, 30, 20, 10, 2} {
		v := repair.DiskVerification{Job: luxi.JobID(10 + k), Begun: ago(minutes).Unix(), Ended: ago(minutes).Unix() + 5}
		if r.sign == "first" && minutes != 2 {
			continue
		}
		if r.sign == "lasting" || (r.sign == "once" || r.sign == "first") && minutes == 2 {
			v.Listed = []string{"web"}
		}
		g = g.WithDisks(v)
	}
	o.Verified.Groups[s.Nodes["a"].Group] = g
	if r.sign == "inactive" {
		o.Inactive, o.Status, o.StatusTime = []string{"web"}, map[string]string{"web": "running"}, ago(2)
	}
	if r.look != "none" {
		minutes := 5
		if r.look == "old" {
			minutes = 45
		}
		data := r.data()
		switch r.look {
		case "elsewhere":
			data.Secondaries = []string{"c"}
		case "moved":
			data.Primary = "c"
		}
		op := luxi.JobOp{ID: luxi.OpInstanceQueryData, Status: luxi.JobSuccess, ExecStart: ago(minutes)}
		o.Verified.Looks[web.UUID] = repair.NewDiskLook(luxi.JobInfo{ID: 20, Status: luxi.JobSuccess, Ended: ago(minutes)}, op, data)
	}
	s.Disks = o.DiskFacts(set)
	jobs := map[string]int{"job lately": 60, "job long ago": 60 * 25}
	if minutes := jobs[r.newest]; minutes > 0 {
		s.Past.Mended = map[string]map[string]int64{web.UUID: {"r0": ago(minutes).Unix()}}
	}
	return s, set
}

func prefixed(words []string) []string {
	var tags []string
	for _, w := range words {
		tags = append(tags, tagPrefix+w)
	}
	return tags
}

// diskDemand is what the demands D1 to D10 say of a situation.
type diskDemand struct {
	step    string   // that begins, "" for none
	reasons []string // one of which is given
	look    bool     // one is wanted
}

// demands reads the situation, and nothing of the code under test.
func (r *diskSituation) demands() diskDemand {
	if r.disks != "repair" || r.sign == "none" || r.sign == "once" || r.sign == "first" {
		switch r.permission {
		case "asked for":
			return diskDemand{reasons: []string{"unsettled"}} // S1: well, as far as anybody may look
		case "asked for, suspended":
			return diskDemand{reasons: []string{"suspended"}}
		}
		return diskDemand{reasons: []string{"healthy"}}
	}
	asked, suspended := strings.HasPrefix(r.permission, "asked for"), strings.HasSuffix(r.permission, "suspended")
	may := r.permission != "none" && !suspended
	if r.look != "fresh" {
		switch {
		case suspended:
			return diskDemand{reasons: []string{"suspended"}}
		case !may:
			return diskDemand{reasons: []string{"no-permission"}}
		}
		return diskDemand{reasons: []string{"disks-unknown"}, look: true}
	}
	step, reasons := r.mends()
	newerList := r.sign == "lasting" // the newest verification came after the look
	switch {
	case step == "" && len(reasons) == 0 && newerList && suspended:
		return diskDemand{reasons: []string{"suspended"}}
	case step == "" && len(reasons) == 0 && newerList && !may:
		return diskDemand{reasons: []string{"no-permission"}}
	case step == "" && len(reasons) == 0 && newerList:
		return diskDemand{reasons: []string{"disks-unknown"}, look: true}
	case step == "" && len(reasons) == 0 && r.permission == "asked for":
		return diskDemand{reasons: []string{"unsettled"}}
	case step == "" && len(reasons) == 0 && r.permission == "asked for, suspended":
		return diskDemand{reasons: []string{"suspended"}}
	case step == "" && len(reasons) == 0:
		return diskDemand{reasons: []string{"healthy"}}
	case suspended:
		return diskDemand{reasons: []string{"suspended"}}
	case step == "":
		return diskDemand{reasons: reasons}
	case !may:
		return diskDemand{reasons: []string{"no-permission"}}
	case !asked && (r.newest == "job lately" || r.newest == "result lately"):
		return diskDemand{reasons: []string{"flapping"}} // D7
	}
	return diskDemand{step: step, reasons: []string{"ready"}}
}

// mends says what mends the disks, or, where nothing may be done, the words for it; both
// are empty where all is well (D3 to D5).
func (r *diskSituation) mends() (step string, reasons []string) {
	lost := func(state string) bool { return state == "volumes lost" || state == "no device" }
	connected, standAlone31 := r.line == "connected", r.version == "3.1" && r.line == "stand-alone"
	switch {
	case r.line == "copying":
		return "", []string{"resyncing"}
	case r.primary == "whole" && r.secondary == "whole" && connected:
		return "", nil
	case r.primary == "whole" && connected:
		return "replace-disks", nil
	case r.primary == "whole" && lost(r.secondary) && !standAlone31:
		return "replace-disks", nil // what is gone cannot hold what the primary lacks
	case r.secondary == "whole" && r.primary == "diskless" && connected, r.secondary == "whole" && r.primary == "volumes lost" && connected:
		return "replace-on-primary", nil
	}
	// Either copy may have what the other lacks, or neither is there: 3.1 does not tell
	// which, and a person is asked in any case.
	return "", []string{"disconnected", "disks-broken", "disks-unknown"}
}

// TestEveryDiskSituation (D1 to D5, D7, D10): each condition of both copies, with each
// permission, setting, sign, look and newest repair.
func TestEveryDiskSituation(t *testing.T) {
	rows, failures, steps := 0, 0, 0
	each := func(r diskSituation) {
		if !r.possible() {
			return
		}
		rows++
		s, set := r.snapshot()
		d := repair.Decide(s, s.Instances[0], set, func() string { return "p-aaaaaaaa" })
		step := ""
		if d.Start != nil {
			step = string(d.Start.Step)
			steps++
		}
		p := repair.NewPlan(s, &repair.Placer{}, set, func() string { return "p-aaaaaaaa" })
		look := len(p.LooksWanted()) > 0
		want := r.demands()
		given := false
		for _, reason := range want.reasons {
			given = given || reason == string(d.Reason)
		}
		if step != want.step || look != want.look || !given {
			if failures++; failures <= mostFailures {
				t.Errorf("%+v: %s %s %q, a look wanted: %v, should be %+v (%s)", r, d.State, d.Reason, step, look, want, d.Detail)
			}
		}
	}
	for _, primary := range copyStates {
		for _, secondary := range copyStates {
			for _, line := range lineStates {
				for _, version := range []string{"3.0", "3.1"} {
					for _, disks := range []string{"off", "report", "repair"} {
						for _, permission := range diskPermissions {
							for _, sign := range []string{"none", "once", "first", "lasting", "inactive"} {
								for _, look := range []string{"none", "fresh", "old", "elsewhere", "moved"} {
									for _, newest := range []string{"none", "job lately", "job long ago", "result lately", "result long ago"} {
										each(diskSituation{primary, secondary, line, version, disks, permission, sign, look, newest})
									}
								}
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d situations, in %d a step begins, %d fail", rows, steps, failures)
	if rows < 50000 || steps < 400 {
		t.Errorf("the table has %d rows only, and in %d of them a step begins", rows, steps)
	}
}
