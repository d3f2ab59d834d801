package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/qlang"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
	"ganeti-autorepair/tagstore"
)

// selectFlags select instances instead of naming objects. An instance must match
// all that are given.
type selectFlags struct {
	Filter   string `short:"F" placeholder:"FILTER" help:"Instances that match a filter, as in gnt-instance list -F."`
	Tag      string `placeholder:"TAG" help:"Instances with this tag."`
	OS       string `name:"os" placeholder:"OS" help:"Instances with this operating system."`
	Template string `placeholder:"TEMPLATE" help:"Instances with this disk template."`
}

func (f selectFlags) given() bool { return f != selectFlags{} }

// filter returns the query filter for luxid.
func (f selectFlags) filter() (luxi.Filter, error) {
	var all []luxi.Filter
	if f.Filter != "" {
		given, err := qlang.Parse(f.Filter)
		if err != nil {
			return nil, &hintError{code: exitUsage, err: err, hint: "man 7 ganeti"}
		}
		all = append(all, given)
	}
	if f.Tag != "" {
		all = append(all, luxi.Contains("tags", f.Tag))
	}
	if f.OS != "" {
		all = append(all, luxi.Eq("os", f.OS))
	}
	if f.Template != "" {
		all = append(all, luxi.Eq("disk_template", f.Template))
	}
	return luxi.And(all...), nil // also around one alone, which may ask for names
}

// noteLater tells a person who has selected instances that others which come to match
// later are not covered, and the command that would cover them: that of the group in
// which all of them live, or else that of the cluster.
func (e *env) noteLater(f selectFlags, dir *read.Directory, objects []tagstore.Object, covered, command string) {
	if !f.given() {
		return
	}
	what := "that match later"
	if f == (selectFlags{Tag: f.Tag}) {
		what = "tagged " + f.Tag + " later"
	}
	above := "cluster"
	if g := dir.CommonGroup(objects); g != "" {
		above = "group:" + g
	}
	e.note("note: instances %s are not %s; what would cover them, and all others there: %s", what, covered, fmt.Sprintf(command, above))
}

// objectHelp is how objects are named.
const objectHelp = "cluster, group:NAME, node:NAME (its instances), or the name of an instance."

// resolve returns the named or selected objects, at least one: to name none is an
// error, and so is to find none.
func (f selectFlags) resolve(ctx context.Context, c *luxi.Client, words []string) (*read.Directory, []tagstore.Object, error) {
	if f.given() && len(words) > 0 {
		return nil, nil, usage(fmt.Errorf("%s is named beside --filter, --tag, --os or --template; give one or the other", words[0]))
	}
	if !f.given() && len(words) == 0 {
		return nil, nil, &hintError{
			code: exitUsage, err: errors.New("no object is named: " + strings.TrimSuffix(objectHelp, ".") + "; or select instances with --filter, --tag, --os or --template"),
			hint: "ganeti-autorepair --help",
		}
	}
	if f.given() {
		filter, err := f.filter()
		if err != nil {
			return nil, nil, err
		}
		d, err := read.ReadDirectory(ctx, c, filter)
		var refused *luxi.Error
		if errors.As(err, &refused) && refused.Class == "ParameterError" {
			return nil, nil, &hintError{code: exitFailed, err: err, hint: "gnt-instance list-fields"}
		}
		if err != nil {
			return nil, nil, err
		}
		var list []tagstore.Object
		for _, l := range d.Instances {
			list = append(list, l.Object)
		}
		if len(list) == 0 {
			return nil, nil, &hintError{code: exitFailed, err: errors.New("no instance matches"), hint: "gnt-instance list -o name,os,disk_template,tags"}
		}
		return d, list, nil
	}
	d, err := read.ReadDirectory(ctx, c, nil)
	if err != nil {
		return nil, nil, err
	}
	list, err := allNamed(d, words)
	return d, list, err
}

// allNamed returns the objects that arguments name, each once.
func allNamed(d *read.Directory, words []string) ([]tagstore.Object, error) {
	var list []tagstore.Object
	seen := make(map[string]bool)
	for _, word := range words {
		found, err := named(d, word)
		if err != nil {
			return nil, err
		}
		for _, o := range found {
			if !seen[o.String()] {
				seen[o.String()] = true
				list = append(list, o)
			}
		}
	}
	return list, nil
}

// named returns the objects that one argument names.
func named(d *read.Directory, word string) ([]tagstore.Object, error) {
	kind, name, qualified := strings.Cut(word, ":")
	switch {
	case word == "cluster":
		return []tagstore.Object{d.Cluster}, nil
	case qualified && kind == "group":
		for _, g := range d.Groups {
			if g.Name == name {
				return []tagstore.Object{g}, nil
			}
		}
		return nil, &hintError{code: exitFailed, err: fmt.Errorf("there is no node group %q", name), hint: "gnt-group list"}
	case qualified && kind == "node":
		node, err := matchName(d.Nodes, name)
		if err != nil {
			return nil, &hintError{code: exitFailed, err: fmt.Errorf("there is no node %q", name), hint: "gnt-node list"}
		}
		var list []tagstore.Object
		for _, l := range d.Instances {
			if l.On(node) {
				list = append(list, l.Object)
			}
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("no instance lives on node %s", node)
		}
		return list, nil
	case qualified && kind != "instance":
		return nil, usage(fmt.Errorf("%q: an object is %s", word, strings.TrimSuffix(objectHelp, ".")))
	case !qualified:
		name = word
	}
	var names []string
	for _, l := range d.Instances {
		names = append(names, l.Name)
	}
	full, err := matchName(names, name)
	if err != nil {
		return nil, err
	}
	for _, l := range d.Instances {
		if l.Name == full {
			return []tagstore.Object{l.Object}, nil
		}
	}
	return nil, err
}

// matchName finds a name as Ganeti does: the name itself, or the only one that
// begins with it and a dot.
func matchName(known []string, name string) (string, error) {
	var found []string
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return k, nil
		}
		if strings.HasPrefix(strings.ToLower(k), strings.ToLower(name)+".") {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 0:
		return "", &hintError{code: exitFailed, err: fmt.Errorf("there is no instance %q", name), hint: "gnt-instance list"}
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%q is short for %s and %s", name, found[0], found[1])
}

// instancesOnly returns an error if one of the objects is no instance.
func instancesOnly(list []tagstore.Object) error {
	for _, o := range list {
		if o.Kind != luxi.TagInstance {
			return usage(fmt.Errorf("%s: this is for instances; name them, or node:NAME for those on a node", o))
		}
	}
	return nil
}

// word returns the name of an object as the commands take it.
func word(o tagstore.Object) string {
	if o.Kind == luxi.TagNode {
		return o.Name
	}
	return report.ObjectWord(o.String())
}

// someWords joins the first objects and counts the others.
func someWords(list []tagstore.Object) string {
	const most = 8
	var words []string
	for k, o := range list {
		if k == most {
			return strings.Join(words, " ") + fmt.Sprintf(" and %d more", len(list)-most)
		}
		words = append(words, word(o))
	}
	return strings.Join(words, " ")
}

// withOpinion lists the objects that have a policy of their own, farthest first.
func withOpinion(d *read.Directory, now int64) []tagstore.Object {
	var list []tagstore.Object
	all := append([]tagstore.Object{d.Cluster}, d.Groups...)
	var instances []tagstore.Object
	for _, l := range d.Instances {
		instances = append(instances, l.Object)
	}
	sort.Slice(instances, func(a, b int) bool { return repair.NiceLess(instances[a].Name, instances[b].Name) })
	for _, o := range append(all, instances...) {
		if p := tagstore.EffectivePolicy(now, o); p.Origin != "" {
			list = append(list, o)
		}
	}
	return list
}
