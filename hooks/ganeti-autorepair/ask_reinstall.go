package main

import (
	"fmt"
	"strings"

	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/report"
	"ganeti-autorepair/tagstore"
)

// What is asked about before a command permits that data are destroyed. The sentences
// end without a full stop; "" is where there is nothing to ask.

// permitsNewDisks returns what to ask about actions that change policies: whether the
// type reinstall is meant, and how many instances are covered by it that were not.
// Suspensions do not count, as they end.
func permitsNewDisks(dir *read.Directory, actions []tagAction, now int64) string {
	after := make(map[string]tagstore.Object)
	adds := false
	for _, a := range actions {
		after[a.object.String()] = a.object.After(a.change)
		for _, tag := range a.change.Add {
			adds = adds || tag == tagstore.EnableTag(tagstore.Reinstall)
		}
	}
	resumed := func(o tagstore.Object) tagstore.Object {
		o.Tags.Suspends = nil
		return o
	}
	before := dir.With(resumed).Policies(now)
	then := dir.With(func(o tagstore.Object) tagstore.Object {
		if changed, ok := after[o.String()]; ok {
			o = changed
		}
		return resumed(o)
	}).Policies(now)
	var covered []string
	for k, i := range dir.Instances {
		if then[k].Type == tagstore.Reinstall && before[k].Type != tagstore.Reinstall {
			covered = append(covered, i.Name)
		}
	}
	if !adds && len(covered) == 0 {
		return ""
	}
	return "This permits new, empty disks where no node that is online has a copy of the data: " + countedNames(covered) + " covered now"
}

// asksForNewDisks returns what to ask about repairs that are requested up to
// reinstall.
func asksForNewDisks(actions []tagAction, views map[string]report.View) string {
	var asked, due []string
	for _, a := range actions {
		if a.change.Empty() {
			continue
		}
		asked = append(asked, a.object.Name)
		if v := views[a.object.Name]; v.Need != nil && v.Need.Type == tagstore.Reinstall.String() {
			due = append(due, a.object.Name)
		}
	}
	if len(asked) == 0 {
		return ""
	}
	return fmt.Sprintf("This requests new, empty disks for %s where no node that is online has a copy of the data; %s", justNames(asked), dueNames(due))
}

// countedNames counts instances, and names them if they are few: "1 instance (db1) is".
func countedNames(names []string) string {
	switch len(names) {
	case 0:
		return "no instance is"
	case 1:
		return "1 instance (" + names[0] + ") is"
	}
	text := countOf(len(names), "instance")
	if len(names) <= 5 {
		text += " (" + strings.Join(names, ", ") + ")"
	}
	return text + " are"
}

// dueNames says how many instances would have new disks now.
func dueNames(names []string) string {
	if len(names) == 0 {
		return "as things are, they keep their data"
	}
	return countedNames(names) + " in that state now"
}

// justNames names instances, or counts them if they are many.
func justNames(names []string) string {
	if len(names) > 5 {
		return countOf(len(names), "instance")
	}
	return strings.Join(names, ", ")
}
