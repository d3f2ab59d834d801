package repair

import (
	"fmt"
	"sort"
)

// AboutInstance reports whether the finding is a sign that something is wrong with an
// instance on good nodes.
func (f Finding) AboutInstance() bool {
	return f.Word == FindingBrokenDisks || f.Word == FindingNotStarted
}

// brokenDisks finds the instances with a sign of broken disks that has lasted (D1). With
// the setting disks = "off" there are none.
func (o Observed) brokenDisks(set Settings) []Finding {
	if set.Disks == WatchOff {
		return nil
	}
	var list []Finding
	for name, sign := range o.DiskSigns(set) {
		f := Finding{Word: FindingBrokenDisks, Object: "instance " + name, Since: sign.Since, Detail: sign.inWords(), Command: "gnt-instance info " + name}
		if f.Since == 0 {
			f.Since = o.StatusTime.Unix()
		}
		if nodes := o.namesOf(sign.Lost); len(nodes) > 0 {
			f.Detail += fmt.Sprintf(", with volumes missing on %s", joined(nodes))
		}
		list = append(list, f)
	}
	return list
}

// notStarted finds the instances that ganeti-watcher has given up, by its instance-status
// file and its jobs (R1). With the setting relocate = "off" there are none.
func (o Observed) notStarted(set Settings) []Finding {
	if set.Relocate == WatchOff || set.RestartTries == 0 || o.Now.Sub(o.StatusTime) > statusLasts {
		return nil
	}
	var list []Finding
	for _, tries := range o.Verified.Starts {
		name := tries.Name
		if tries.Failed < set.RestartTries || o.Status[name] != "ERROR_down" {
			continue
		}
		list = append(list, Finding{
			Word: FindingNotStarted, Object: "instance " + name, Since: tries.Since, Detail: tries.inWords(), Command: fmt.Sprintf("gnt-job info %d", tries.Job),
		})
	}
	return list
}

// namesOf returns the names of nodes with the given UUIDs, in order.
func (o Observed) namesOf(uuids []string) []string {
	var names []string
	for _, n := range o.Roles {
		if contains(uuids, n.UUID) {
			names = append(names, n.Name)
		}
	}
	sort.Strings(names)
	return names
}

func joined(names []string) string {
	text := ""
	for k, name := range names {
		switch {
		case k == 0:
		case k == len(names)-1:
			text += " and "
		default:
			text += ", "
		}
		text += name
	}
	return text
}
