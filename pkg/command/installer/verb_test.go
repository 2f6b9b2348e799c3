package installer_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/report"
	"github.com/perpetual-ci/perpetual/pkg/progress"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/status"
)

// decode reads a verb's result, which must be one JSON object.
func decode[T any](t *testing.T, p process) (v T) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(p.stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil || decoder.More() {
		t.Fatalf("stdout is not one object: %v\n%s\n%s", err, p.stdout, p.stderr)
	}
	return v
}

// The verbs look at one installation, each from another side.
func TestVerbs_onAnInstallation(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	t.Run("status and info before it", func(t *testing.T) {
		for _, verb := range []string{"status", "info"} {
			if q := p.run(t, verb); q.code != 1 || q.stdout != "" || !strings.Contains(q.stderr, "there is no installation "+site.Name) {
				t.Errorf("%s: code %d, stdout %s, stderr %s", verb, q.code, q.stdout, q.stderr)
			}
		}
	})
	t.Run("plan before it", func(t *testing.T) {
		q := p.run(t, "plan", "--quiet")
		if q.code != installer.ExitChanges {
			t.Fatalf("code %d\n%s", q.code, q.stderr)
		}
		for _, part := range []string{"+ Database (AWS::RDS::DBInstance)", "estimated cost a month", "total", "deploy would make these changes to " + site.Name} {
			if !strings.Contains(q.stdout, part) {
				t.Errorf("no %q in:\n%s", part, q.stdout)
			}
		}
		testFirstPlan(t, p, q.stdout)
		if there := p.everything(); there.Stack != "" || there.VMs != 0 {
			t.Errorf("the plan has made %+v", there)
		}
	})

	q := p.good(t, "deploy", "--output", "json")
	result := decode[report.Deployed](t, q)
	if !result.Changed || result.URL != p.WebURL() || result.Task == 0 || len(result.Steps) < 8 {
		t.Errorf("deploy answers %+v", result)
	}
	for line := range strings.Lines(q.stderr) {
		var e progress.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("stderr has a line that is not an event: %s", line)
		}
	}

	t.Run("plan", func(t *testing.T) { testPlan(t, p) })
	t.Run("plan of another director", func(t *testing.T) { testChangedPlan(t, p) })
	t.Run("info", func(t *testing.T) { testInfo(t, p) })
	t.Run("exports", func(t *testing.T) { testExports(t, p) })
	t.Run("one value", func(t *testing.T) { testShow(t, p) })
	t.Run("status", func(t *testing.T) { testStatus(t, p) })
	t.Run("a failure as JSON", func(t *testing.T) {
		q := p.run(t, "deploy", "--output=json", "--aws-network-cidr=10.77.0.0/16")
		var last progress.Event
		lines := strings.Split(strings.TrimSpace(q.stderr), "\n")
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			t.Fatal(err)
		}
		if q.code != 1 || q.stdout != "" || last.Event != "error" || !strings.Contains(last.Text, "aws.network.cidr") {
			t.Errorf("code %d, stdout %s, last event %+v", q.code, q.stdout, last)
		}
	})
}

func testPlan(t *testing.T, p *place) {
	if q := p.run(t, "plan"); q.code != 0 || !strings.Contains(q.stdout, site.Name+" is up to date") {
		t.Errorf("code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	before := p.everything()
	q := p.run(t, "plan", "--workers-count=2", "--output=json")
	plan := decode[report.Plan](t, q)
	if q.code != installer.ExitChanges || !plan.Changes || plan.Month == nil || plan.Month.USD <= 0 || plan.Month.Date == "" {
		t.Errorf("code %d, %+v", q.code, plan)
	}
	changes := map[string]string{}
	for _, s := range plan.Steps {
		if s.Changes {
			changes[s.Step] = strings.Join(s.Lines, "\n")
		}
	}
	if len(changes) != 2 || !strings.Contains(changes["configuration"], "workers.count") || !strings.Contains(changes["deploy"], "instances") {
		t.Errorf("changes %q", changes)
	}
	if after := p.everything(); after.Stack != before.Stack || len(after.Effects) != len(before.Effects) {
		t.Errorf("the plan has changed something: %+v, before %+v", after, before)
	}
}

func testInfo(t *testing.T, p *place) {
	secrets := decode[bootstrap.Info](t, p.good(t, "info", "--json", "--secrets"))
	password, ok := secrets.Secrets["admin_password"].(string)
	if !ok || password == "" {
		t.Fatalf("no admin_password among %d secrets", len(secrets.Secrets))
	}
	q := p.good(t, "info")
	for _, part := range []string{p.WebURL(), "8.2.4", "days left", "infrastructure", "perpetual info " + site.Name + " --secrets"} {
		if !strings.Contains(q.stdout, part) {
			t.Errorf("no %q in:\n%s", part, q.stdout)
		}
	}
	plain := decode[bootstrap.Info](t, p.good(t, "info", "--output", "json"))
	if plain.URL != p.WebURL() || plain.Versions["concourse"] != "8.2.4" || !plain.Verified || len(plain.Certificates) == 0 || plain.Secrets != nil {
		t.Errorf("info answers %+v", plain)
	}
	for _, args := range [][]string{{"info"}, {"info", "--json"}, {"info", "--env"}, {"info", "--log-level=debug"}, {"status"}, {"plan", "--workers-count=3"}} {
		q := p.run(t, args...)
		for name, value := range secrets.Secrets {
			if text, ok := value.(string); ok && len(text) > 8 && strings.Contains(q.stdout+q.stderr, text) {
				t.Errorf("%v shows %s", args, name)
			}
		}
	}
	if q := p.good(t, "info", "--secrets"); !strings.Contains(q.stdout, password) {
		t.Error("info --secrets does not show the password")
	}
}

func testStatus(t *testing.T, p *place) {
	found := decode[status.Status](t, p.good(t, "status", "--output", "json"))
	if !found.Healthy || found.Web.Version != "8.2.4" || len(found.VMs) != 2 || len(found.Workers) != 1 || len(found.Problems) != 0 {
		t.Errorf("status answers %+v", found)
	}
	q := p.good(t, "status")
	for _, part := range []string{"director", "running", "vm web/0", "worker ", site.Name + " is healthy."} {
		if !strings.Contains(q.stdout, part) {
			t.Errorf("no %q in:\n%s", part, q.stdout)
		}
	}
}
