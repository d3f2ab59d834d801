package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// helpTexts are texts that the help of several commands has. kong puts them in
// place of ${name}.
var helpTexts = kong.Vars{
	"objects":   "Objects: cluster, group:NAME, node:NAME (its instances), or names of instances",
	"instances": "Names of instances, or node:NAME for those on a node",
	"types":     "fix-storage, migrate, failover, reinstall",
}

// typeWords are the types of repairs as commands take them.
var typeWords = strings.Split(helpTexts["types"], ", ")

// objectArgs name objects of any kind.
type objectArgs struct {
	Objects []string `arg:"" optional:"" name:"object" help:"${objects}."`
}

// instanceArgs name instances.
type instanceArgs struct {
	Instances []string `arg:"" optional:"" name:"instance" help:"${instances}."`
}

// jsonFlag is the flag of commands that can write JSON in place of text.
type jsonFlag struct {
	JSON bool `name:"json" help:"Write JSON."`
}

// layoutFlags are the flags of commands that write a table.
type layoutFlags struct {
	NoHeaders bool   `help:"Leave the headings out."`
	Separator string `placeholder:"STRING" help:"Put this between fields instead of aligning them."`
}

// tableFlags are the flags of commands whose tables have fields to choose from.
type tableFlags struct {
	layoutFlags
	Output string `short:"o" placeholder:"FIELDS" help:"Fields to show, separated by commas; with a leading + beside the usual ones."`
}

// scripted reports whether the table is laid out for programs: then a line is
// an object, whatever the terminal.
func (f tableFlags) scripted() bool { return f.Separator != "" || f.Output != "" || f.NoHeaders }
