package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// vouchCmd is "ganeti-autorepair vouch".
type vouchCmd struct {
	Nodes []string `arg:"" name:"node" help:"Names of nodes that are marked offline."`
	yesFlag
	reasonFlag
	DryRun  bool `short:"n" help:"Say which tags would be written, and write none."`
	Timeout span `default:"50s" placeholder:"TIME" help:"Give up tags that cannot be written in this time (default: 50s)."`
}

// maxVouchTime bounds --timeout of vouch. Writing the tag changes the node, and a tag
// counts only if its node was not changed later than a minute after the time in the
// tag (V5).
const maxVouchTime = 50 * time.Second

// AfterApply checks the flags.
func (cmd *vouchCmd) AfterApply() error {
	if time.Duration(cmd.Timeout) > maxVouchTime {
		return errors.New("--timeout of vouch is at most 50s: a tag that is written later does not count")
	}
	return nil
}

// vouchQuestion is what a person has to say yes to.
const vouchQuestion = `The instances of %s will be started elsewhere, or reinstalled, without asking
the fence. If one of them still runs there, it runs twice and spoils its disks.
Do you vouch that nothing runs there any more, and that nothing starts there by
itself? Type yes: `

// Run writes down that a person vouches for offline nodes.
func (cmd *vouchCmd) Run(ctx context.Context, e *env) error {
	c, set, err := e.steered(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	nodes, err := offlineNodes(ctx, c, cmd.Nodes)
	if err != nil {
		return err
	}
	if !cmd.Yes && !cmd.DryRun {
		if err := e.askToVouch(ctx, nodes); err != nil {
			return err
		}
	}
	var actions []tagAction
	for _, o := range nodes {
		a := tagAction{object: o, change: o.Vouch(e.now().Unix()), done: "vouched for, as long as it stays offline", would: "would be vouched for", unchanged: "vouched for already"}
		if !set.engine.Fenced() {
			a.note = "fence is \"none\", so that the offline mark alone was enough"
		}
		actions = append(actions, a)
	}
	return writeFlags{DryRun: cmd.DryRun, Timeout: cmd.Timeout, reasonFlag: cmd.reasonFlag}.carryOut(ctx, e, c, "vouch", actions)
}

// askToVouch returns an error unless a person says yes on a terminal, in full.
func (e *env) askToVouch(ctx context.Context, nodes []tagstore.Object) error {
	var names []string
	for _, o := range nodes {
		names = append(names, o.Name)
	}
	answer, err := e.answer(ctx, fmt.Sprintf(vouchQuestion, strings.Join(names, ", ")))
	switch {
	case errors.Is(err, errNoTTY):
		return notConfirmed(errors.New("not vouched, as there is no terminal to ask on"), "the same command with --yes")
	case err != nil:
		return err
	case answer != "yes":
		return notConfirmed(errors.New("not vouched: the answer was not yes"), "")
	}
	return nil
}

// offlineNodes returns the named nodes with their tags. It is an error if one of them
// is not marked offline: while a node is online nobody needs to vouch for it.
func offlineNodes(ctx context.Context, c *luxi.Client, names []string) ([]tagstore.Object, error) {
	t, err := c.Query(ctx, luxi.ResNode, []string{"name", "offline", "tags"}, nil)
	if err != nil {
		return nil, fmt.Errorf("reading nodes: %w", err)
	}
	var known []string
	tags, offline := make(map[string][]string), make(map[string]bool)
	for row := range t.Rows {
		var name string
		var isOffline bool
		var list []string
		if err := t.Scan(row, &name, &isOffline, &list); err != nil {
			return nil, fmt.Errorf("reading nodes: %w", err)
		}
		known, tags[name], offline[name] = append(known, name), list, isOffline
	}
	var objects []tagstore.Object
	seen := make(map[string]bool)
	for _, word := range names {
		name, err := matchName(known, strings.TrimPrefix(word, "node:"))
		switch {
		case err != nil:
			return nil, &hintError{code: exitFailed, err: fmt.Errorf("there is no node %q", word), hint: "gnt-node list"}
		case !offline[name]:
			return nil, &hintError{code: exitFailed, err: fmt.Errorf("node %s is not marked offline", name), hint: repair.OfflineCommand(name)}
		case !seen[name]:
			seen[name] = true
			objects = append(objects, tagstore.Object{Kind: luxi.TagNode, Name: name, Tags: tagstore.Parse(luxi.TagNode, tags[name])})
		}
	}
	return objects, nil
}
