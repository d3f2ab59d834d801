package repair_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// lookJob returns a job of ours that has looked at the disks of web, with the statuses of
// one disk as Ganeti tells them: of the device on either node, and of its two volumes.
func lookJob(t *testing.T, template, disk string) luxi.JobInfo {
	t.Helper()
	data := `{"web": {"name": "web", "uuid": "web-uuid", "pnode": "a", "snodes": ["b"], "config_state": "up", "run_state": "up",
		"disk_template": "` + template + `", "os": "debian", "disks": [` + disk + `]}}`
	job := luxi.JobInfo{ID: 7, Known: true, Status: luxi.JobSuccess, Ops: []luxi.JobOp{{ID: luxi.OpInstanceQueryData, Status: luxi.JobSuccess}}}
	job.Ops[0].Reason = []luxi.ReasonEntry{{Source: repair.Source, Text: "probe disks"}}
	job.Ops[0].Result.Raw = json.RawMessage(data)
	return job
}

func drbdDisk(primary, secondary, volumeHere, volumeThere string) string {
	volume := func(name string) string {
		return `{"iv_name": null, "uuid": null, "dev_type": "plain", "size": 1, "spindles": null, "pstatus": ` + volumeHere + `, "sstatus": ` + volumeThere +
			`, "logical_id": ["xenvg", "` + name + `"], "children": []}`
	}
	return `{"iv_name": "disk/0", "uuid": "u", "dev_type": "drbd", "size": 1, "spindles": null, "pstatus": ` + primary + `, "sstatus": ` + secondary +
		`, "logical_id": [], "children": [` + volume("data") + `,` + volume("meta") + `]}`
}

func status(percent, degraded, local string) string {
	return `["/dev/drbd0", 147, 0, ` + percent + `, null, ` + degraded + `, ` + local + `]`
}

// D3 to D5, D10: what nodes say of a disk is read alike for both meanings of ldisk_status:
// in Ganeti 3.0 the value 4 is a device without its own copy, in 3.1 one that is not
// connected as well.
func TestConditionOfDisks(t *testing.T) {
	const lv, none = `["/dev/x", 253, 0, null, null, false, 1]`, "null"
	good, alone := status("null", "false", "1"), status("null", "true", "1")
	faulty, unknown := status("null", "true", "4"), status("null", "true", "3")
	for _, c := range []struct {
		what, template, disk string
		want                 repair.DiskCondition
	}{
		{"well", "drbd", drbdDisk(good, good, lv, lv), repair.DisksWell},
		{"secondary volume lost", "drbd", drbdDisk(alone, none, lv, none), repair.DisksSecondaryLost},
		{"secondary volume lost, device left", "drbd", drbdDisk(good, faulty, lv, none), repair.DisksSecondaryLost},
		{"secondary diskless", "drbd", drbdDisk(good, faulty, lv, lv), repair.DisksSecondaryLost},
		{"secondary diskless and not connected", "drbd", drbdDisk(alone, faulty, lv, lv), repair.DisksDisconnected},
		{"secondary device not set up", "drbd", drbdDisk(alone, none, lv, lv), repair.DisksDisconnected},
		{"primary diskless", "drbd", drbdDisk(faulty, good, lv, lv), repair.DisksPrimaryDiskless},
		{"primary diskless, volume lost", "drbd", drbdDisk(faulty, good, none, lv), repair.DisksPrimaryDiskless},
		{"primary volume lost", "drbd", drbdDisk(none, alone, none, lv), repair.DisksLastCopy},
		{"primary volume lost, device left, not connected", "drbd", drbdDisk(faulty, alone, none, lv), repair.DisksLastCopy},
		{"primary volume lost, the other copy not complete", "drbd", drbdDisk(faulty, unknown, none, lv), repair.DisksLastCopy},
		{"primary volume lost, no device on the secondary", "drbd", drbdDisk(none, none, none, lv), repair.DisksLastCopy},
		{"secondary volume lost, no device on the primary", "drbd", drbdDisk(none, none, lv, none), repair.DisksLastCopy},
		{"primary device not set up", "drbd", drbdDisk(none, alone, lv, lv), repair.DisksDisconnected},
		{"split brain in 3.0", "drbd", drbdDisk(alone, alone, lv, lv), repair.DisksDisconnected},
		{"split brain in 3.1", "drbd", drbdDisk(faulty, faulty, lv, lv), repair.DisksDisconnected},
		{"stand-alone primary in 3.1, volume lost there", "drbd", drbdDisk(faulty, alone, lv, lv), repair.DisksDisconnected},
		{"stand-alone primary in 3.1 and no secondary volume", "drbd", drbdDisk(faulty, none, lv, none), repair.DisksLastCopy},
		{"volumes lost on both", "drbd", drbdDisk(faulty, faulty, none, none), repair.DisksBroken},
		{"primary volume lost, stand-alone in 3.1", "drbd", drbdDisk(faulty, faulty, none, lv), repair.DisksLastCopy},
		{"secondary volume lost, stand-alone in 3.1", "drbd", drbdDisk(faulty, faulty, lv, none), repair.DisksLastCopy},
		{"copied to", "drbd", drbdDisk(status("50.0", "true", "1"), status("50.0", "true", "2"), lv, lv), repair.DisksSyncing},
		{"inconsistent", "drbd", drbdDisk(good, unknown, lv, lv), repair.DisksUnclear},
		{"one lost here and one there", "drbd", drbdDisk(good, faulty, lv, none) + "," + drbdDisk(faulty, good, none, lv), repair.DisksBroken},
		{"one lost, one copied", "drbd", drbdDisk(good, faulty, lv, none) + "," + drbdDisk(status("1.0", "true", "1"), good, lv, lv), repair.DisksSyncing},
		{"one lost, one not connected", "drbd", drbdDisk(good, faulty, lv, none) + "," + drbdDisk(alone, alone, lv, lv), repair.DisksDisconnected},
		{"plain", "plain", `{"iv_name": "disk/0", "uuid": "u", "dev_type": "plain", "size": 1, "spindles": null, "pstatus": ` + lv + `, "sstatus": null, "logical_id": ["xenvg", "d"], "children": []}`, repair.DisksWell},
		{"plain, lost", "plain", `{"iv_name": "disk/0", "uuid": "u", "dev_type": "plain", "size": 1, "spindles": null, "pstatus": null, "sstatus": null, "logical_id": ["xenvg", "d"], "children": []}`, repair.DisksMissing},
	} {
		looks := repair.LooksOf(lookJob(t, c.template, c.disk))
		if got := looks["web-uuid"].Condition; got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// D9: a look remembers which nodes lacked their copy, and whether their volumes were there.
func TestLostCopies(t *testing.T) {
	const lv, none = `["/dev/x", 253, 0, null, null, false, 1]`, "null"
	good, faulty := status("null", "false", "1"), status("null", "true", "4")
	missing, diskless := drbdDisk(good, faulty, lv, none), drbdDisk(good, faulty, lv, lv)
	for disks, want := range map[string]string{
		drbdDisk(good, good, lv, lv):     "[] []",
		missing:                          "[b] []",
		diskless:                         "[b] [b]",
		missing + "," + diskless:         "[b] [b]",
		drbdDisk(faulty, good, none, lv): "[a] []",
	} {
		look := repair.LooksOf(lookJob(t, "drbd", disks))["web-uuid"]
		if got := fmt.Sprint(look.Lost, look.Diskless); got != want {
			t.Errorf("%s: %s, want %s", look.Condition, got, want)
		}
	}
}

// D5: of the last copy of a disk is told where the other one was lost.
func TestLastCopyInWords(t *testing.T) {
	const lv, none = `["/dev/x", 253, 0, null, null, false, 1]`, "null"
	alone, faulty := status("null", "true", "1"), status("null", "true", "4")
	here, there := drbdDisk(none, alone, none, lv), drbdDisk(faulty, none, lv, none)
	for disks, want := range map[string]string{
		here:               "disk 0 lost on a; the last copy, on b, is not connected or not complete",
		there:              "disk 0 lost on b; the last copy, on a, is not connected or not complete",
		here + "," + here:  "disk 0, disk 1 lost on a; the last copy, on b, is not connected or not complete",
		here + "," + there: "disk 0 lost on a, disk 1 lost on b; the last copies are not connected or not complete",
	} {
		look := repair.LooksOf(lookJob(t, "drbd", disks))["web-uuid"]
		if look.Condition != repair.DisksLastCopy || look.Detail != want {
			t.Errorf("%s: %q, want %q", look.Condition, look.Detail, want)
		}
	}
}

// D2: the look of somebody else, and of a job that failed, tells nothing.
func TestLooksOfOthers(t *testing.T) {
	job := lookJob(t, "drbd", drbdDisk("null", "null", "null", "null"))
	job.Ops[0].Reason = nil
	if looks := repair.LooksOf(job); len(looks) != 0 {
		t.Errorf("%v", looks)
	}
	job = lookJob(t, "drbd", drbdDisk("null", "null", "null", "null"))
	job.Status = luxi.JobError
	if looks := repair.LooksOf(job); len(looks) != 0 {
		t.Errorf("%v", looks)
	}
}
