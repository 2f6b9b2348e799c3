package command_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The flag wins over the environment, and that over the source; info is silent
// about exchanges.
func TestLogLevel_isChosenByTheNearest(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for name, c := range map[string]struct {
		flag        []string
		env, source string
		debug       bool
	}{
		"nothing said":               {},
		"the source":                 {source: "debug", debug: true},
		"the environment":            {env: "debug", debug: true},
		"the flag":                   {flag: []string{"--log-level", "debug"}, debug: true},
		"the flag in one word":       {flag: []string{"--log-level=debug"}, debug: true},
		"the environment over it":    {env: "info", source: "debug"},
		"the flag over both":         {flag: []string{"--log-level=info"}, env: "debug", source: "debug"},
		"the last of several flags":  {flag: []string{"--log-level=info", "--log-level", "debug"}, debug: true},
		"the source, said to be so":  {source: "info"},
		"the flag over the variable": {flag: []string{"--log-level", "debug"}, env: "info", debug: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := s.ComponentsSource()
			if c.source != "" {
				source["log_level"] = c.source
			}
			i := invocation{args: append([]string{"check"}, c.flag...), stdin: stdin(t, object{"source": source})}
			if c.env != "" {
				i.env = []string{"PERPETUAL_LOG_LEVEL=" + c.env}
			}
			p := i.run(t)
			answer[[]map[string]string](t, p)
			if told := strings.Contains(p.stderr, "level=debug"); told != c.debug {
				t.Errorf("at debug: %t, want %t:\n%s", told, c.debug, p.stderr)
			}
			if c.debug {
				for _, want := range []string{"msg=exchange method=GET host=", "status=200 took=", "try=1", `msg="component chosen" component=bpm`} {
					if !strings.Contains(p.stderr, want) {
						t.Errorf("debug does not say %q:\n%s", want, p.stderr)
					}
				}
			}
		})
	}
}

func TestLogLevel_thatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	source := `{"source":{"deployment":"c","log_level":"verbose","director":{"url":"https://127.0.0.1:1","username":"a","password":"b"}}}`
	for name, c := range map[string]struct {
		args  []string
		env   []string
		stdin string
		want  []string
	}{
		"the flag":         {args: []string{"check", "--log-level", "loud"}, want: []string{"--log-level", `"loud"`, "debug or info"}},
		"the flag's end":   {args: []string{"check", "--log-level"}, want: []string{"--log-level", "debug or info"}},
		"the environment":  {args: []string{"check"}, env: []string{"PERPETUAL_LOG_LEVEL=1"}, want: []string{"PERPETUAL_LOG_LEVEL", `"1"`}},
		"the source's key": {args: []string{"check"}, stdin: source, want: []string{"source.log_level", `"verbose"`, "debug or info"}},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, invocation{args: c.args, env: c.env, stdin: strings.NewReader(c.stdin)}.run(t), c.want...)
		})
	}
}

// A put tells why it did what it did, and what its lease and journal went through.
func TestLogLevel_debugTellsDecisions(t *testing.T) {
	t.Parallel()
	s := withStore(t)
	s.request["source"].(object)["log_level"] = "debug"
	p := ask(t, "out", s.request, s.target)
	answer[result](t, p)
	s.idle(t)
	for _, want := range []string{
		`msg="task judged" task=1 state=done`, "it has deployed other content", "msg=submitting context=perpetual-", `msg="lease taken"`,
		`msg="lease given back"`, `msg="journal entry"`, "msg=state what=put name=leases/deployment-concourse", "method=POST", "path=/deployments",
	} {
		if !strings.Contains(p.stderr, want) {
			t.Errorf("debug does not say %q:\n%s", want, p.stderr)
		}
	}
	hides(t, p, credentials()...)
}

// The resource type passes releases and stemcells on as they are: its own packages
// open no archive, so none can be opened by one. But for these.
func TestArchives_areOpenedByFew(t *testing.T) {
	t.Parallel()
	allowed := map[string]string{
		"github.com/perpetual-ci/perpetual/pkg/bosh/archive": "reads the logs of an instance, bounded; see FuzzLogs",
		"github.com/perpetual-ci/perpetual/pkg/boshrelease":  "writes archives and reads none",
	}
	list := exec.Command("go", "list", "-deps", "-f", `{{.ImportPath}}: {{join .Imports " "}}`, "../../cmd/resource")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	for line := range strings.Lines(string(out)) {
		name, imports, _ := strings.Cut(line, ": ")
		if !strings.HasPrefix(name, "github.com/perpetual-ci/perpetual/") {
			continue
		}
		ours++
		if allowed[name] != "" {
			continue
		}
		for _, imported := range strings.Fields(imports) {
			if strings.HasPrefix(imported, "archive/") || strings.HasPrefix(imported, "compress/") {
				t.Errorf("%s imports %s: fuzz what it reads, and bound it", name, imported)
			}
		}
	}
	if ours < 10 {
		t.Errorf("%d packages of ours were seen", ours)
	}
}
