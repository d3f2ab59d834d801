package report

import (
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// advise completes a view with what blocks the instance and what a person could
// type about it, as the table of reasons has it (O3, O4).
func advise(p *repair.Plan, d repair.Decision, v *View) {
	i := d.Instance
	if g := p.Snapshot.Group(i); g != nil {
		v.Group = g.Name
	}
	info := d.Reason.Info()
	words := map[string]string{
		"instance": i.Name, "type": d.Need.Type.String(), "secondaries": strings.Join(i.Secondaries, " "),
		"origin": d.Policy.Origin, "object": ObjectWord(d.Policy.Origin),
	}
	remove := fmt.Sprintf("gnt-instance remove-tags %s ", i.Name)
	if unclear := i.Tags.Records().Unclear; len(unclear) > 0 {
		words["tag"] = unclear[0].Tag
	} else if d.Policy.Unreadable {
		words["tag"], remove = d.Policy.Tag, removeTags(d.Policy.Origin)
	}
	words["remove"] = remove + words["tag"]
	words["cleanup"] = i.Name
	if t, _ := p.Snapshot.Past.Transfer(i); t.Target != "" && len(i.Secondaries) == 0 {
		words["cleanup"] = "-n " + t.Target + " " + i.Name
	}
	storage, _ := p.Snapshot.StorageGone(i)
	words["drain"] = repair.DrainCommand(storage, p.Snapshot.Cluster.Master)
	if strings.Contains(info.Blocks, "{job}") {
		id := runningJob(p, d)
		if id == 0 {
			return
		}
		words["job"] = fmt.Sprint(int64(id))
	}
	v.Blocks, v.Command = fill(info.Blocks, words), fill(info.Command, words)
	if d.Reason == repair.ReasonHealthy && len(v.Bad) > 0 {
		v.Command = fmt.Sprintf("gnt-instance remove-tags %s %s", i.Name, v.Bad[0].Tag)
	}
}

// removeTags returns the command that removes tags of an object, up to the tags. The
// object is given as tagstore.Object.String names it.
func removeTags(origin string) string {
	kind, name, _ := strings.Cut(origin, " ")
	switch kind {
	case "group":
		return "gnt-group remove-tags " + name + " "
	case "cluster":
		return "gnt-cluster remove-tags "
	}
	return "gnt-instance remove-tags " + name + " "
}

// fill returns the text with the words in braces replaced by what they stand for.
func fill(text string, words map[string]string) string {
	for word, value := range words {
		text = strings.ReplaceAll(text, "{"+word+"}", value)
	}
	return text
}

// runningJob returns the unfinished job that an instance waits for: of its own
// repairs, or else somebody else's; 0 if there is none.
func runningJob(p *repair.Plan, d repair.Decision) luxi.JobID {
	for _, r := range d.Instance.Tags.Records().Repairs {
		for _, id := range r.Jobs {
			if f := p.Snapshot.Jobs[id]; f != nil && f.Outcome == repair.OutcomeUnfinished {
				return id
			}
		}
	}
	if job, busy := p.Snapshot.BusyJob(d.Instance, nil); busy {
		return job.ID
	}
	return 0
}

// ObjectWord returns an object as the commands take it: "cluster", "group:rack1",
// "web1". It is given as tagstore.Object.String names it.
func ObjectWord(origin string) string {
	kind, name, _ := strings.Cut(origin, " ")
	switch kind {
	case "group":
		return "group:" + name
	case "instance":
		return name
	}
	return kind
}
