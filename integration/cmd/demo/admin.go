package main

import (
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
)

// The administrator's commands, for a cluster that has no such programs: those
// that the story needs, turned into the opcodes that Ganeti's own programs
// submit for them.

// nodeSetParams is NODE_SET_PARAMS with what the story needs of it.
type nodeSetParams struct {
	luxi.Common
	NodeName string `json:"node_name"`
	Force    bool   `json:"force"`
	Offline  *bool  `json:"offline,omitempty"`
	Drained  *bool  `json:"drained,omitempty"`
}

func (*nodeSetParams) OpID() string { return "OP_NODE_SET_PARAMS" }

// instanceRemove is INSTANCE_REMOVE.
type instanceRemove struct {
	luxi.Common
	InstanceName string `json:"instance_name"`
}

func (*instanceRemove) OpID() string { return "OP_INSTANCE_REMOVE" }

// opcodeOf returns the opcode that a command stands for.
func opcodeOf(args []string) (luxi.OpCode, error) {
	unknown := fmt.Errorf("%s: not a command of this story", commandLine(args))
	if len(args) < 2 {
		return nil, unknown
	}
	var words []string
	flags := make(map[string]string)
	for _, a := range args[2:] {
		if strings.HasPrefix(a, "--") {
			name, value, _ := strings.Cut(a[2:], "=")
			flags[name] = value
		} else {
			words = append(words, a)
		}
	}
	command, sub := args[0], args[1]
	if sub == "add-tags" || sub == "remove-tags" {
		kind, name := luxi.TagCluster, ""
		switch command {
		case "gnt-cluster":
		case "gnt-group":
			kind = luxi.TagGroup
		case "gnt-instance":
			kind = luxi.TagInstance
		default:
			return nil, unknown
		}
		if kind != luxi.TagCluster && len(words) > 0 {
			name, words = words[0], words[1:]
		}
		if len(words) == 0 {
			return nil, unknown
		}
		if sub == "add-tags" {
			return &luxi.TagsSet{Kind: kind, Name: name, Tags: words}, nil
		}
		return &luxi.TagsDel{Kind: kind, Name: name, Tags: words}, nil
	}
	if len(words) != 1 {
		return nil, unknown
	}
	switch command + " " + sub {
	case "gnt-node modify":
		_, force := flags["force"]
		return &nodeSetParams{NodeName: words[0], Force: force, Offline: yesNo(flags, "offline"), Drained: yesNo(flags, "drained")}, nil
	case "gnt-instance remove":
		return &instanceRemove{InstanceName: words[0]}, nil
	case "gnt-instance startup":
		return &luxi.InstanceStartup{InstanceName: words[0]}, nil
	}
	return nil, unknown
}

// yesNo is the value of a flag that is yes or no, nil if it was not given.
func yesNo(flags map[string]string, name string) *bool {
	value, given := flags[name]
	if !given {
		return nil
	}
	yes := value == "yes"
	return &yes
}
