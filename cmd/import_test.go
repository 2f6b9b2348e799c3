// Package cmd_test holds the rules of who may import whom.
package cmd_test

import (
	"fmt"
	"go/types"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

const module = "github.com/perpetual-ci/perpetual/"

// mayImport lists, for each package or folder of ours, what of ours it may
// import. Imports go down only:
//
//	cmd → command → bootstrap → {upgrade, verify} → {task, component, pause} → {resource, template, state}
//	command → connect → adapters → {retry, secret}
//
// Simulators are on their own, so that none of them gets into a shipped binary.
var mayImport = map[string][]string{
	"cmd":           {},
	"cmd/resource":  {"pkg/command", "pkg/command/step"},
	"cmd/perpetual": {"pkg/command", "pkg/command/step", "pkg/command/installer"},
	"cmd/sandbox":   {"pkg/sandbox"},
	"pkg/command":   {"pkg/connect", "pkg/resource", "pkg/secret", "pkg/plain", "pkg/crash", "pkg/nearest", "pkg/signature", "pkg/version"},
	// What a run speaks with, each opened in one way.
	"pkg/connect": {
		"pkg/stock", "pkg/inventory", "pkg/pause", "pkg/upstream", "pkg/component", "pkg/resource", "pkg/template", "pkg/state",
		"pkg/artifact", "pkg/aws", "pkg/aws/bucket", "pkg/bosh", "pkg/bosh/client", "pkg/bosh/transport", "pkg/boshio", "pkg/concourse", "pkg/concourse/session", "pkg/github", "pkg/registry", "pkg/retry", "pkg/crash", "pkg/dial", "pkg/state/lease",
	},
	// The verbs of the resource type, as a build or a person runs them.
	"pkg/command/step": {
		"pkg/retry",
		"pkg/command", "pkg/connect", "pkg/verify", "pkg/task", "pkg/upgrade", "pkg/upgrade/plan", "pkg/resumption", "pkg/compatibility", "pkg/upstream", "pkg/component", "pkg/manifest/bundle", "pkg/template", "pkg/resource", "pkg/state", "pipelines",
		"pkg/crash", "pkg/file", "pkg/state/lease",
	},
	// The same for an installation. Only the installer links it.
	"pkg/connect/installation": {
		"pkg/connect", "pkg/bootstrap", "pkg/bootstrap/environment", "pkg/bootstrap/selection", "pkg/bootstrap/keyring", "pkg/upgrade/plan", "pkg/component", "pkg/config", "pkg/resource", "pkg/state", "pkg/seal", "pkg/file", "pkg/price", "pkg/crash",
		"pkg/aws", "pkg/aws/login", "pkg/aws/account", "pkg/aws/statebucket", "pkg/aws/bucket", "pkg/aws/stack", "pkg/createenv",
		"pkg/infrastructure",
	},
	// What the installer's verbs take.
	"pkg/command/grammar":           {"pkg/command", "pkg/config", "pkg/config/schema"},
	"pkg/command/installer/report":  {"pkg/price", "pkg/shell", "pkg/bootstrap", "pkg/resumption", "pkg/command", "pkg/bootstrap/step", "pkg/secret", "pkg/status"},
	"pkg/command/installer/session": {"pkg/connect/installation", "pkg/progress", "pkg/command/grammar", "pkg/config", "pkg/bootstrap", "pkg/bootstrap/keyring", "pkg/config/check", "pkg/command/installer/report", "pkg/bootstrap/step", "pkg/plain", "pkg/config/schema", "pkg/command", "pkg/secret"},
	"pkg/command/installer": {
		"pkg/command", "pkg/command/grammar", "pkg/command/step", "pkg/connect/installation", "pkg/status", "pkg/resumption", "pkg/bosh", "pkg/bootstrap", "pkg/bootstrap/step", "pkg/pause", "pkg/component", "pkg/config", "pkg/config/check", "pkg/config/schema", "pkg/manifest/overlay",
		"pkg/plain", "pkg/resource", "pkg/state/lease", "pkg/docs", "pkg/shell", "pkg/secret", "pkg/command/installer/session", "pkg/command/installer/report",
	},
	"pkg/status":              {"pkg/bootstrap", "pkg/bosh", "pkg/resumption", "pkg/state/lease"},
	"pkg/progress":            {"pkg/bootstrap/step", "pkg/plain"},
	"pkg/bootstrap/accesskey": {"pkg/aws", "pkg/aws/account", "pkg/crash", "pkg/manifest", "pkg/secret"},
	"pkg/bootstrap/keyring":   {"pkg/config", "pkg/seal", "pkg/secret"},
	"pkg/bootstrap/legacy":    {"pkg/bootstrap/record", "pkg/config", "pkg/credential", "pkg/secret", "pkg/state"},
	"pkg/bootstrap/document": {
		"pkg/bootstrap/keyring", "pkg/bootstrap/legacy", "pkg/bootstrap/record", "pkg/bootstrap/selection",
		"pkg/config", "pkg/credential", "pkg/manifest", "pkg/retry", "pkg/manifest/endpoint", "pkg/difference", "pkg/seal", "pkg/secret", "pkg/state", "pkg/state/lease", "pkg/crash",
	},
	"pkg/bootstrap/record":      {"pkg/component", "pkg/config", "pkg/manifest", "pkg/state"},
	"pkg/bootstrap/possession":  {"pkg/aws/account", "pkg/createenv/ledger"},
	"pkg/bootstrap/step":        {"pkg/crash"},
	"pkg/bootstrap/environment": {"pkg/createenv", "pkg/manifest", "pkg/plain", "pkg/state"},
	"pkg/bootstrap/deletion":    {"pkg/bosh"},
	"pkg/bootstrap/database":    {"pkg/bootstrap/record", "pkg/bootstrap/selection", "pkg/component", "pkg/config", "pkg/deployment", "pkg/manifest", "pkg/manifest/bundle", "pkg/postgres", "pkg/template"},
	"pkg/bootstrap/preview":     {"pkg/difference", "pkg/manifest", "pkg/secret", "pkg/template"},
	"pkg/bootstrap/choice":      {"pkg/cloud", "pkg/config/schema", "pkg/bootstrap/possession", "pkg/bootstrap/record", "pkg/aws/account", "pkg/aws/quota", "pkg/config", "pkg/infrastructure"},
	"pkg/bootstrap/pipeline":    {"pkg/bootstrap/accesskey", "pkg/bootstrap/step", "pkg/aws", "pkg/concourse", "pkg/config", "pkg/crash", "pkg/difference", "pkg/manifest", "pkg/secret", "pkg/template", "pipelines"},
	"pkg/bootstrap/preflight":   {"pkg/aws/account", "pkg/aws/login", "pkg/bootstrap/record", "pkg/bosh", "pkg/infrastructure", "pkg/manifest"},
	"pkg/bootstrap/setting":     {"pkg/bootstrap/step", "pkg/config", "pkg/config/schema"},
	"pkg/bootstrap/selection":   {"pkg/bootstrap/record", "pkg/compatibility", "pkg/component", "pkg/config", "pkg/config/schema", "pkg/difference", "pkg/manifest", "pkg/resource", "pkg/signature", "pkg/upstream", "pipelines"},
	"pkg/bootstrap/generation":  {"pkg/credential", "pkg/manifest", "pkg/seal", "pkg/secret"},
	"pkg/bootstrap/access":      {"pkg/bootstrap/record", "pkg/config", "pkg/manifest", "pkg/manifest/endpoint", "pkg/resource", "pkg/secret"},
	"pkg/bootstrap/deploy": {
		"pkg/bootstrap/preview", "pkg/bootstrap/step", "pkg/bosh", "pkg/compatibility", "pkg/component", "pkg/config", "pkg/manifest", "pkg/pause", "pkg/resource", "pkg/secret", "pkg/state",
		"pkg/template", "pkg/upgrade", "pkg/upgrade/plan", "pkg/verify", "pipelines",
	},
	"pkg/bootstrap/run": {
		"pkg/aws/account", "pkg/aws/login", "pkg/aws/stack", "pkg/bootstrap/access", "pkg/bootstrap/accesskey", "pkg/bootstrap/choice", "pkg/bootstrap/database", "pkg/bootstrap/deletion",
		"pkg/bootstrap/deploy", "pkg/bootstrap/document", "pkg/bootstrap/environment", "pkg/bootstrap/generation", "pkg/bootstrap/keyring", "pkg/bootstrap/pipeline",
		"pkg/bootstrap/possession", "pkg/bootstrap/preflight", "pkg/bootstrap/record", "pkg/bootstrap/selection", "pkg/bootstrap/setting", "pkg/bootstrap/step", "pkg/component",
		"pkg/concourse", "pkg/config", "pkg/config/check", "pkg/config/schema", "pkg/createenv", "pkg/credential", "pkg/infrastructure", "pkg/manifest", "pkg/manifest/overlay",
		"pkg/resource", "pkg/secret", "pkg/state", "pkg/upgrade/plan",
	},
	"pkg/bootstrap/goal": {
		"pkg/aws/account", "pkg/bootstrap/choice", "pkg/bootstrap/database", "pkg/bootstrap/deploy", "pkg/bootstrap/document", "pkg/bootstrap/run", "pkg/bootstrap/selection",
		"pkg/bootstrap/setting", "pkg/bootstrap/step", "pkg/bosh", "pkg/component", "pkg/config", "pkg/credential", "pkg/infrastructure", "pkg/manifest", "pkg/postgres", "pkg/secret",
	},
	"pkg/bootstrap/part": {
		"pkg/aws/layout", "pkg/aws/stack", "pkg/bootstrap/access", "pkg/bootstrap/accesskey", "pkg/bootstrap/database", "pkg/bootstrap/deletion", "pkg/bootstrap/deploy",
		"pkg/bootstrap/document", "pkg/bootstrap/environment", "pkg/bootstrap/goal", "pkg/bootstrap/pipeline", "pkg/bootstrap/possession", "pkg/bootstrap/preview", "pkg/bootstrap/record",
		"pkg/bootstrap/run", "pkg/bootstrap/selection", "pkg/bootstrap/step", "pkg/bosh", "pkg/createenv", "pkg/createenv/ledger", "pkg/infrastructure", "pkg/manifest", "pkg/secret",
		"pkg/state",
	},
	"pkg/bootstrap": {
		"pkg/aws", "pkg/bootstrap/document", "pkg/bootstrap/environment", "pkg/bootstrap/goal", "pkg/bootstrap/part", "pkg/bootstrap/possession", "pkg/bootstrap/preflight",
		"pkg/bootstrap/record", "pkg/bootstrap/run", "pkg/bootstrap/selection", "pkg/bootstrap/step", "pkg/config", "pkg/createenv/ledger", "pkg/credential", "pkg/manifest",
		"pkg/resource", "pkg/secret", "pkg/state", "pkg/state/lease",
	},
	"pkg/infrastructure": {"pkg/retry", "pkg/aws/account", "pkg/aws/cloudformation", "pkg/aws/layout", "pkg/aws/stack", "pkg/config", "pkg/manifest", "pkg/plain", "pkg/secret"},
	"pkg/manifest":       {"pkg/difference", "pkg/config", "pkg/manifest/auth", "pkg/manifest/bundle", "pkg/manifest/endpoint", "pkg/manifest/subnet", "pkg/template", "pkg/secret", "pkg/credential", "pipelines"},
	"pkg/credential":     {"pkg/secret", "pkg/state"},
	"pkg/config":         {"pkg/difference", "pkg/config/binding", "pkg/config/schema", "pkg/signature", "pkg/version", "pkg/nearest", "pkg/secret", "pkg/state"},
	"pkg/config/check":   {"pkg/config", "pkg/config/schema", "pkg/dial", "pkg/signature", "pkg/version", "pkg/nearest"},
	"pkg/config/binding": {"pkg/config/schema", "pkg/secret"},
	"pkg/config/schema":  {"pkg/nearest"},
	"pkg/price":          {"pkg/config"},
	"pkg/compatibility":  {},
	// A program of its own for maintainers.
	"pkg/compatibility/refresh": {"pkg/compatibility", "pkg/file"},
	// What an upgrade comes to, before it changes anything.
	"pkg/upgrade/plan": {
		"pkg/stock", "pkg/compatibility", "pkg/postgres", "pkg/boshrelease", "pkg/adoption", "pkg/inventory", "pkg/component", "pkg/resource", "pkg/deployment", "pkg/manifest/bundle", "pkg/template",
		"pkg/bosh", "pkg/difference", "pkg/concourse", "pkg/secret", "pipelines",
	},
	// What a deploy of that would change, once nobody else works on the deployment.
	"pkg/upgrade/comparison": {"pkg/upgrade/plan", "pkg/task", "pkg/inventory", "pkg/retry", "pkg/bosh"},
	// How builds are kept away meanwhile, where that must be.
	"pkg/upgrade/quiet": {"pkg/retry", "pkg/upgrade/plan", "pkg/pause"},
	"pkg/upgrade": {
		"pkg/stock", "pkg/upgrade/plan", "pkg/upgrade/comparison", "pkg/upgrade/quiet", "pkg/retry", "pkg/task", "pkg/pause", "pkg/compatibility", "pkg/boshrelease", "pkg/inventory", "pkg/resource",
		"pkg/bosh", "pkg/concourse", "pkg/state", "pkg/state/lease", "pkg/secret", "pkg/crash",
	},
	"pkg/verify":              {"pkg/task", "pkg/pause", "pkg/compatibility", "pkg/boshrelease", "pkg/inventory", "pkg/component", "pkg/bosh", "pkg/concourse", "pkg/plain", "pkg/retry", "pkg/deployment"},
	"pkg/task":                {"pkg/retry", "pkg/bosh"},
	"pkg/stock":               {"pkg/task", "pkg/boshrelease", "pkg/inventory", "pkg/component", "pkg/difference", "pkg/bosh", "pkg/crash", "pkg/dial", "pkg/deployment"},
	"pkg/pause":               {"pkg/bosh", "pkg/concourse", "pkg/state", "pkg/crash"},
	"pkg/resumption":          {"pkg/pause", "pkg/bosh", "pkg/concourse"},
	"pkg/upstream":            {"pkg/upstream/candidate", "pkg/upstream/repository", "pkg/component", "pkg/boshio", "pkg/registry", "pkg/artifact", "pkg/signature", "pkg/version", "pkg/resource", "pkg/crash", "pkg/dial"},
	"pkg/upstream/candidate":  {"pkg/resource", "pkg/version"},
	"pkg/upstream/repository": {"pkg/upstream/candidate", "pkg/component", "pkg/github", "pkg/artifact", "pkg/signature", "pkg/resource", "pkg/dial"},
	"pkg/component":           {"pkg/file", "pkg/signature", "pkg/version", "pkg/compatibility", "pkg/plain", "pkg/crash", "pkg/dial"},
	"pkg/adoption":            {"pkg/manifest/bundle", "pkg/template"},
	"pkg/inventory":           {"pkg/bosh", "pkg/version", "pkg/component", "pkg/deployment", "pkg/template"},
	"pkg/postgres":            {"pkg/compatibility", "pkg/deployment", "pkg/template"},
	"pkg/resource":            {"pkg/dial", "pkg/nearest", "pkg/secret", "pkg/plain"},
	"pkg/cloud":               {"pkg/config", "pkg/config/schema", "pkg/template"},
	"pkg/manifest/overlay":    {"pkg/cloud", "pkg/config", "pkg/config/schema", "pkg/credential", "pkg/manifest", "pkg/secret", "pkg/template"},
	"pkg/deployment":          {"pkg/template"},
	"pkg/manifest/auth":       {"pkg/config", "pkg/secret", "pkg/template"},
	"pkg/manifest/endpoint":   {"pkg/manifest/auth", "pkg/config", "pkg/secret"},
	"pkg/manifest/subnet":     {},
	"pkg/manifest/bundle":     {"pkg/template"},
	"pkg/template":            {},
	"pkg/state":               {},
	"pkg/state/lease":         {"pkg/state"},
	"pkg/artifact":            {"pkg/retry", "pkg/crash", "pkg/dial"},
	"pkg/aws":                 {"pkg/dial", "pkg/retry", "pkg/secret"},
	"pkg/aws/bucket":          {"pkg/aws", "pkg/retry", "pkg/state"}, // a state.Store
	"pkg/aws/login":           {"pkg/aws", "pkg/dial", "pkg/nearest", "pkg/retry", "pkg/secret"},
	"pkg/aws/account":         {"pkg/aws", "pkg/aws/login", "pkg/aws/quota", "pkg/aws/statebucket", "pkg/secret", "pkg/crash"},
	"pkg/aws/quota":           {"pkg/aws", "pkg/aws/login"},
	"pkg/aws/statebucket":     {"pkg/aws", "pkg/aws/login", "pkg/retry", "pkg/crash"},
	"pkg/aws/template":        {"pkg/difference"},
	"pkg/aws/policy":          {},
	"pkg/aws/cloudformation":  {"pkg/aws", "pkg/retry"},
	"pkg/aws/layout":          {"pkg/secret"},
	"pkg/aws/stack":           {"pkg/aws", "pkg/aws/cloudformation", "pkg/aws/layout", "pkg/aws/template", "pkg/crash"},
	"pkg/createenv": {
		"pkg/createenv/agent", "pkg/createenv/cause", "pkg/createenv/cpi", "pkg/createenv/ledger", "pkg/createenv/manifest", "pkg/createenv/workspace",
		"pkg/difference", "pkg/retry", "pkg/secret", "pkg/crash",
	},
	"pkg/createenv/agent":     {"pkg/createenv/cause", "pkg/retry", "pkg/crash"},
	"pkg/createenv/cause":     {},
	"pkg/createenv/cpi":       {"pkg/createenv/cause", "pkg/createenv/ledger", "pkg/createenv/workspace", "pkg/crash"},
	"pkg/createenv/ledger":    {"pkg/crash"},
	"pkg/createenv/manifest":  {"pkg/createenv/cause", "pkg/createenv/ledger", "pkg/difference", "pkg/file", "pkg/secret"},
	"pkg/createenv/workspace": {"pkg/file"},
	"pkg/difference":          {"pkg/secret"},
	"pkg/bosh":                {"pkg/retry"},
	"pkg/bosh/archive":        {"pkg/retry"},
	"pkg/bosh/client":         {"pkg/bosh", "pkg/bosh/archive", "pkg/bosh/transport", "pkg/retry"}, // for pkg/connect alone
	"pkg/bosh/transport":      {"pkg/bosh", "pkg/bosh/proxy", "pkg/retry", "pkg/secret"},
	"pkg/bosh/proxy":          {"pkg/retry", "pkg/secret"},
	"pkg/boshio":              {"pkg/retry", "pkg/dial"},
	"pkg/boshrelease":         {},
	"pkg/concourse":           {"pkg/concourse/config", "pkg/concourse/session", "pkg/retry"},
	"pkg/concourse/session":   {"pkg/dial", "pkg/retry", "pkg/secret"},
	"pkg/concourse/config":    {"pkg/secret"},
	"pkg/github":              {"pkg/retry", "pkg/secret", "pkg/dial"},
	"pkg/registry":            {"pkg/retry", "pkg/secret"},
	"pkg/retry":               {"pkg/dial"},
	"pkg/seal":                {"pkg/secret"},
	"pkg/dial":                {},
	"pkg/shell":               {"pkg/secret"},
	"pkg/file":                {},
	"pkg/secret":              {},
	"pkg/plain":               {},
	"pkg/signature":           {},
	"pkg/version":             {},
	"pkg/nearest":             {},
	"pkg/crash":               {},
	"pkg/docs":                {},
	// What tests of several packages share.
	"pkg/aws/login/logintest": {"pkg/aws/login", "pkg/retry", "pkg/sandbox"},
	"pkg/state/statetest":     {"pkg/state"},
	"pkg/sandbox":             {"pkg/sandbox"},
	"pkg/image":               {},
	"pipelines":               {},
}

// owners says which package alone may import a library; the others see the
// owner's types.
var owners = map[string]string{
	"github.com/aws/":                                       "pkg/aws pkg/aws/login pkg/aws/account pkg/aws/quota pkg/aws/statebucket pkg/aws/bucket pkg/aws/cloudformation",
	"github.com/gofrs/flock":                                "pkg/state pkg/createenv/workspace pkg/sandbox",
	"github.com/google/go-github":                           "pkg/github",
	"github.com/concourse/concourse":                        "pkg/concourse pkg/concourse/config pkg/sandbox",
	"github.com/concourse/concourse/vars":                   "pkg/template pkg/sandbox",
	"github.com/cloudfoundry/bosh-cli/v7/director/template": "pkg/template pkg/createenv/manifest",
	"github.com/cloudfoundry/bosh-cli/v7/director":          "pkg/bosh/client pkg/bosh/transport",
	"github.com/cloudfoundry/bosh-cli/v7/uaa":               "pkg/bosh/transport",
	"github.com/cloudfoundry/bosh-cli/v7":                   "pkg/createenv pkg/createenv/cause pkg/createenv/ledger pkg/createenv/manifest",
	"github.com/cloudfoundry/bosh-agent":                    "pkg/createenv pkg/createenv/agent",
	"github.com/cloudfoundry/bosh-utils":                    "pkg/bosh/transport pkg/createenv pkg/createenv/agent pkg/createenv/cause pkg/createenv/cpi pkg/createenv/ledger pkg/createenv/manifest pkg/createenv/workspace",
	"github.com/cloudfoundry/config-server":                 "pkg/credential",
	"github.com/alecthomas/kong":                            "pkg/command/grammar",
	"github.com/santhosh-tekuri/jsonschema":                 "pkg/config/schema",
	"github.com/cppforlife/go-semi-semantic":                "pkg/version pkg/sandbox",
	"github.com/cppforlife/go-patch":                        "pkg/template pkg/createenv/manifest",
	"github.com/go-viper/mapstructure":                      "pkg/resource",
	"github.com/cenkalti/backoff":                           "pkg/retry pkg/artifact",
}

func load(t *testing.T, mode packages.LoadMode, patterns ...string) []*packages.Package {
	t.Helper()
	// As the tests build the programs, so that what is compiled is used again.
	list, err := packages.Load(&packages.Config{Mode: mode, Dir: "..", Env: append(os.Environ(), "CGO_ENABLED=0")}, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	if packages.PrintErrors(list) > 0 || len(list) == 0 {
		t.Fatalf("%d packages loaded, some with errors", len(list))
	}
	return list
}

// folderOf finds the rule for a package, by the longest prefix.
func folderOf(own string) (folder string, ok bool) {
	for folder = own; folder != "."; folder = path.Dir(folder) {
		if _, ok := mayImport[folder]; ok {
			return folder, true
		}
	}
	return own, false
}

func TestImports_goOneWay(t *testing.T) {
	used := map[string]map[string]bool{}
	for _, p := range load(t, packages.NeedName|packages.NeedImports, "./...") {
		own := strings.TrimPrefix(p.PkgPath, module)
		folder, ok := folderOf(own)
		if !ok {
			t.Errorf("%s has no rule: say in mayImport what it may import", own)
			continue
		}
		for imported := range p.Imports {
			if target, ours := strings.CutPrefix(imported, module); ours {
				to, _ := folderOf(target)
				if !slices.Contains(mayImport[folder], to) {
					t.Errorf("%s imports %s, which is against the direction", own, target)
				}
				if used[folder] == nil {
					used[folder] = map[string]bool{}
				}
				used[folder][to] = true
			}
			if owner := ownerOf(imported); owner != "" && !slices.Contains(strings.Fields(owner), folder) {
				t.Errorf("%s imports %s, which is for %s alone", own, imported, owner)
			}
		}
	}
	for folder, list := range mayImport {
		for _, to := range list {
			if !used[folder][to] && folder != to {
				t.Errorf("%s may import %s, and does not: take the permission back", folder, to)
			}
		}
	}
}

func ownerOf(imported string) string {
	longest, owner := "", ""
	for prefix, o := range owners {
		if strings.HasPrefix(imported, prefix) && len(prefix) > len(longest) {
			longest, owner = prefix, o
		}
	}
	return owner
}

func TestShippedBinaries_linkNoMoreThanTheyNeed(t *testing.T) {
	forbidden := map[string][]string{
		"./cmd/resource": {
			module + "pkg/sandbox", module + "pkg/bootstrap",
			"github.com/cloudfoundry/bosh-cli/v7/cmd", "github.com/cloudfoundry/bosh-cli/v7/cloud",
			"github.com/cloudfoundry/bosh-cli/v7/installation", "github.com/aws/aws-sdk-go-v2/service/cloudformation",
			"github.com/aws/aws-sdk-go-v2/service/ec2", "github.com/aws/aws-sdk-go-v2/config", "github.com/alecthomas/kong",
			"github.com/gopacket", "testing",
		},
		"./cmd/perpetual": {module + "pkg/sandbox", "testing"},
	}
	for binary, list := range forbidden {
		seen := map[string]bool{}
		var visit func(p *packages.Package)
		visit = func(p *packages.Package) {
			if seen[p.PkgPath] {
				return
			}
			seen[p.PkgPath] = true
			for _, next := range p.Imports {
				visit(next)
			}
		}
		for _, p := range load(t, packages.NeedName|packages.NeedImports|packages.NeedDeps, binary) {
			visit(p)
		}
		for linked := range seen {
			for _, f := range list {
				if linked == f || strings.HasPrefix(linked, f+"/") {
					t.Errorf("%s links %s", binary, linked)
				}
			}
		}
	}
}

// TestExportedTypes_areOurOwn finds library types in what packages export, as the compiler
// has written that down: to check the sources of all libraries again takes a minute.
func TestExportedTypes_areOurOwn(t *testing.T) {
	for _, p := range load(t, packages.NeedName|packages.NeedTypes|packages.NeedExportFile, "./pkg/...") {
		if strings.HasPrefix(p.PkgPath, module+"pkg/sandbox") {
			continue
		}
		scope := p.Types.Scope()
		for _, name := range scope.Names() {
			if object := scope.Lookup(name); object.Exported() {
				for _, foreign := range foreignTypes(object) {
					t.Errorf("%s exports %s, which shows %s", strings.TrimPrefix(p.PkgPath, module), name, foreign)
				}
			}
		}
	}
}

// betweenAdapters is what the packages under pkg/aws, which are one adapter in
// parts, hand to each other: the others pass it on without looking into it. So it is
// with pkg/bosh/transport and pkg/bosh/client, and with the packages under pkg/createenv,
// which are one adapter to bosh-cli's code.
var betweenAdapters = map[string]bool{
	module + "pkg/createenv/agent.NewClient":        true,
	module + "pkg/createenv/agent.Options":          true,
	module + "pkg/createenv/cpi.Client":             true,
	module + "pkg/createenv/cpi.NewClient":          true,
	module + "pkg/createenv/cpi.NewRunner":          true,
	module + "pkg/createenv/cpi.Options":            true,
	module + "pkg/createenv/cpi.Runner":             true,
	module + "pkg/createenv/manifest.Manifest":      true,
	module + "pkg/createenv/manifest.FileSystem":    true,
	module + "pkg/createenv/manifest.NewFileSystem": true,
	module + "pkg/createenv/manifest.Source":        true,
	module + "pkg/createenv/ledger.Open":            true,
	module + "pkg/createenv/ledger.Reconcile":       true,
	module + "pkg/createenv/ledger.State":           true,
	module + "pkg/createenv/ledger.ThingsOf":        true,
	module + "pkg/aws.Connection.SDK":               true,
	module + "pkg/aws.NewConnection":                true,
	module + "pkg/bosh/transport.Call.Director":     true,
	module + "pkg/bosh/transport.Call.Request":      true,
	module + "pkg/bosh/transport.Read":              true,
	module + "pkg/aws.Credentials.Provider":         true,
}

// foreignTypes lists the named types of libraries in an object's signature,
// exported fields and exported methods.
func foreignTypes(object types.Object) []string {
	var out []string
	seen := map[types.Type]bool{}
	var visit func(types.Type)
	visit = func(t types.Type) {
		if t == nil || seen[t] {
			return
		}
		seen[t] = true
		switch t := t.(type) {
		case *types.Named:
			if pkg := t.Obj().Pkg(); pkg != nil && strings.Contains(strings.Split(pkg.Path(), "/")[0], ".") && !strings.HasPrefix(pkg.Path()+"/", module) {
				out = append(out, fmt.Sprintf("%s.%s", pkg.Path(), t.Obj().Name()))
				return
			} else if pkg != nil && pkg != object.Pkg() {
				return // checked where it is declared
			}
			for m := range t.Methods() {
				if m.Exported() && !betweenAdapters[t.Obj().Pkg().Path()+"."+t.Obj().Name()+"."+m.Name()] {
					visit(m.Type())
				}
			}
			visit(t.Underlying())
		case *types.Signature:
			for v := range t.Params().Variables() {
				visit(v.Type())
			}
			for v := range t.Results().Variables() {
				visit(v.Type())
			}
		case *types.Struct:
			for f := range t.Fields() {
				if f.Exported() {
					visit(f.Type())
				}
			}
		case *types.Interface:
			for m := range t.Methods() {
				visit(m.Type())
			}
		case interface{ Elem() types.Type }:
			visit(t.Elem())
			if m, ok := t.(*types.Map); ok {
				visit(m.Key())
			}
		}
	}
	if !betweenAdapters[object.Pkg().Path()+"."+object.Name()] {
		visit(object.Type())
	}
	return out
}
