package bootstrap_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	boshclient "github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// strand leaves a pipeline paused as a quiet upgrade does whose deploy was accepted.
func strand(t *testing.T, w *whole) {
	t.Helper()
	w.strand(t, pause.List{Task: 1})
}

// strandEarly does so as one that was killed before it has started a deploy.
func strandEarly(t *testing.T, w *whole) {
	t.Helper()
	last := 0
	for _, task := range w.director.Load().Tasks() {
		last = max(last, task.ID)
	}
	w.strand(t, pause.List{After: last})
}

// strand leaves a pipeline paused, with a list that has what is given.
func (w *whole) strand(t *testing.T, list pause.List) {
	t.Helper()
	if _, err := w.Concourse.SetPipeline("main", "app", nil, []byte("jobs: [{name: test, plan: [{task: test, file: x}]}]")); err != nil {
		t.Fatal(err)
	}
	if err := w.Concourse.Pause("main", "app", "perpetual"); err != nil {
		t.Fatal(err)
	}
	pipelines, err := w.atc.Pipelines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(pipelines, func(p concourse.PipelineState) bool { return p.Name == "app" })
	list.Deployment, list.Phase, list.Since, list.User, list.From, list.To = "concourse", pause.Paused, time.Now(), "perpetual", "8.2.4", "8.2.5"
	list.Pipelines = []pause.Entry{{ID: pipelines[i].ID, Team: "main", Name: "app", Step: pause.Held, By: "perpetual", At: pipelines[i].PausedAt.Unix()}}
	c, err := boshclient.New(boshclient.Config{Config: transport.Config{URL: w.url, CACert: w.ca, Username: "perpetual", Password: secret.New("x")}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	keeper := pause.InDirector(c, "concourse")
	_, revision, err := keeper.Load(t.Context()) // one that was ended before
	if err == nil {
		_, err = keeper.Save(t.Context(), list, revision)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// deployUnread deploys with a client of the director that may not read the list of paused
// pipelines: no deploy needs it, and only the verification, which does, fails.
func deployUnread(t *testing.T, w *whole) {
	w.unread = &bosh.ResponseError{Status: http.StatusForbidden}
	defer func() { w.unread = nil }()
	i, _ := w.installation(t, w.wanted())
	if _, err := i.Deploy(t.Context(), bootstrap.Options{Self: true}); err != nil {
		t.Errorf("the pipeline's run: %v", err)
	}
	i, _ = w.installation(t, w.wanted())
	plan, err := i.Plan(t.Context(), bootstrap.Options{})
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	last := plan.Steps[len(plan.Steps)-1]
	if last.Step != "verify" || last.Changes || len(last.Lines) != 1 || !strings.Contains(last.Lines[0], "left pipelines paused is not known: ") {
		t.Errorf("the plan ends with %+v", last)
	}
	i, shown := w.installation(t, w.wanted())
	var at *step.Error
	if _, err := i.Deploy(t.Context(), bootstrap.Options{}); !errors.As(err, &at) || at.Step != "verify" {
		t.Errorf("the deploy ends with %v, want the verification to fail", err)
	}
	if text := strings.Join(shown.lines, "\n"); !strings.Contains(text, "left pipelines paused is not known: ") {
		t.Errorf("the deploy does not say that it does not know what is paused:\n%s", text)
	}
}

// pipelineFirst lets a pipeline run with a record that does not say that it was deployed:
// it sets itself first all the same.
func pipelineFirst(t *testing.T, w *whole) {
	put(t, w.stores["ci"], "run/record.json", w.edit(t, "run/record.json", func(fields map[string]any) {
		delete(fields, "director")
		delete(fields, "deployment")
	}))
	text, _ := w.Concourse.PipelineConfig("perpetual", "self-upgrade")
	changed := strings.ReplaceAll(string(text), "PERPETUAL_STATE_KEY", "PERPETUAL_OTHER_KEY")
	if _, err := w.Concourse.SetPipeline("perpetual", "self-upgrade", nil, []byte(changed)); err != nil || changed == string(text) {
		t.Fatalf("change the pipeline: %v", err)
	}
	i, _ := w.installation(t, w.wanted())
	if _, err := i.Deploy(t.Context(), bootstrap.Options{Self: true}); err != nil {
		t.Errorf("the pipeline's run: %v", err)
	}
	if text, _ := w.Concourse.PipelineConfig("perpetual", "self-upgrade"); !strings.Contains(string(text), "PERPETUAL_STATE_KEY") {
		t.Errorf("it has not set itself:\n%s", text)
	}
}
