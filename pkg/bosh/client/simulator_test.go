package client_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const cloudConfig = `azs: [{name: z1}]
vm_types: [{name: small}]
networks: [{name: default, type: manual, subnets: [{az: z1, range: 192.168.1.0/24, gateway: 192.168.1.1, dns: [192.168.1.2]}]}]
compilation: {workers: 1, az: z1, vm_type: small, network: default}
`

const wholeManifest = `name: concourse
releases: [{name: concourse, version: "8.2.5"}]
stemcells: [{alias: default, os: ubuntu-jammy, version: "1.484"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 500-5000, update_watch_time: 500-5000}
instance_groups:
- name: web
  azs: [z1]
  instances: 1
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs: [{name: web, release: concourse, properties: {token: hush}}]
`

// simulation is a simulated director with a UAA, both behind TLS, and a client
// for it.
type simulation struct {
	*director.Director
	uaa    *director.UAA
	faults *fault.Script
	server *httptest.Server
	client *client.Client
}

// simulate starts one that, unless update is nil, calls it for each instance.
func simulate(t *testing.T, update func(context.Context, director.Update) error) *simulation {
	t.Helper()
	return simulateWith(t, director.Options{UpdateInstance: update})
}

// simulateWith starts one with options of its own.
func simulateWith(t *testing.T, o director.Options) *simulation {
	t.Helper()
	s := &simulation{uaa: &director.UAA{Clients: map[string]string{"ci": clientSecret}}, faults: &fault.Script{}}
	uaaServer := httptest.NewTLSServer(s.uaa)
	t.Cleanup(uaaServer.Close)
	s.uaa.SetURL(uaaServer.URL)
	o.UAA, o.Scale = s.uaa, 0.002
	s.Director = director.New(t.Context(), o)
	t.Cleanup(s.Director.Close)
	err := s.Seed(director.Seed{
		Stemcells: []director.SeedStemcell{{Name: "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", OS: "ubuntu-jammy", Version: "1.484"}},
		Releases:  []director.SeedRelease{{Name: "concourse", Version: "8.2.5"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewUnstartedServer(s.faults.Wrap(s.Director))
	s.server.Config.ErrorLog = quiet()
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	t.Cleanup(s.faults.Close)
	s.client = s.login(t, "ci")
	if _, err := s.client.UpdateConfig(t.Context(), "cloud", "default", cloudConfig, ""); err != nil {
		t.Fatal(err)
	}
	return s
}

// login makes a client for a UAA client.
func (s *simulation) login(t *testing.T, name string) *client.Client {
	t.Helper()
	return newClient(t, client.Config{Config: transport.Config{
		URL: s.server.URL, CACert: ca(s.server), Client: name, ClientSecret: secret.New(clientSecret),
		Retry: retry.Policy{Attempts: 2, First: time.Millisecond, Max: time.Millisecond},
	}, Poll: time.Millisecond})
}

// deploy submits the whole manifest under a context id.
func (s *simulation) deploy(t *testing.T, contextID string) int {
	t.Helper()
	id, err := s.client.Deploy(t.Context(), []byte(wholeManifest), bosh.DeployOptions{ContextID: contextID})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestSimulator_aDeployWhoseReplyIsLostIsFoundByItsContext(t *testing.T) {
	s := simulate(t, nil)
	ctx, client := t.Context(), s.client
	if _, err := client.Deployment(ctx, "concourse"); !errors.Is(err, bosh.ErrNotFound) {
		t.Fatalf("before: error %v", err)
	}
	diff, err := client.Diff(ctx, "concourse", []byte(wholeManifest))
	if err != nil || !diff.Changed() || strings.Contains(string(diff.Context), "hush") {
		t.Fatalf("diff %+v, error %v", diff, err)
	}
	s.faults.Add(fault.Fault{Method: "POST", Path: "/deployments", Kind: fault.DropReply})
	_, err = client.Deploy(ctx, []byte(wholeManifest), bosh.DeployOptions{ContextID: "ctx-1", DiffContext: diff.Context})
	var uncertain *bosh.UncertainError
	if !errors.As(err, &uncertain) {
		t.Fatalf("error %v", err)
	}
	tasks, err := client.Tasks(ctx, bosh.TaskFilter{ContextID: "ctx-1", All: true})
	if err != nil || len(tasks) != 1 || s.Count(director.EffectDeploy, "") != 1 {
		t.Fatalf("tasks %v, %d deploys, error %v", tasks, s.Count(director.EffectDeploy, ""), err)
	}
	var last bosh.Event
	done, err := client.Wait(ctx, tasks[0].ID, func(e bosh.Event) { last = e })
	if err != nil || !done.Succeeded() || done.ContextID != "ctx-1" || last.Stage != "Updating instance" || last.State != "finished" {
		t.Fatalf("task %+v, last event %+v, error %v", done, last, err)
	}
	if diff, err = client.Diff(ctx, "concourse", []byte(wholeManifest)); err != nil || diff.Changed() {
		t.Errorf("diff afterwards %+v, error %v", diff, err)
	}
	deployed, err := client.Deployment(ctx, "concourse")
	if err != nil || len(deployed.Releases) != 1 || deployed.Releases[0].Version != "8.2.5" || deployed.Stemcells[0].Version != "1.484" {
		t.Errorf("deployment %+v, error %v", deployed, err)
	}
	instances, err := client.Instances(ctx, "concourse")
	if err != nil || len(instances) != 1 || instances[0].Group != "web" || instances[0].State != "running" {
		t.Errorf("instances %+v, error %v", instances, err)
	}
}

func TestSimulator_aWaitOutlivesRestartsAndTokens(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := simulate(t, func(ctx context.Context, _ director.Update) error {
		close(entered)
		select {
		case <-leave:
		case <-ctx.Done():
		}
		return nil
	})
	ended := make(chan struct{})
	go func() {
		defer close(leave)
		<-entered
		for _, kind := range []director.Outage{director.BadGateway, director.Refuse} {
			up := s.Down(kind)
			for before := s.Requests(); s.Requests() < before+6; { // looks that fail
				select {
				case <-ended:
					return
				case <-time.After(time.Millisecond):
				}
			}
			s.uaa.Revoke()
			up()
		}
	}()
	task, err := s.client.Wait(t.Context(), s.deploy(t, "ctx-1"), nil)
	close(ended)
	if err != nil || !task.Succeeded() || s.Count(director.EffectDeploy, "") != 1 || s.uaa.Grants("client_credentials") < 2 {
		t.Errorf("task %+v, %d tokens, error %v", task, s.uaa.Grants("client_credentials"), err)
	}
}

func TestSimulator_aFailedInstanceIsNamedByTheEvents(t *testing.T) {
	s := simulate(t, nil)
	s.FailInstance("web", 0, "1 of 1 pre-start scripts failed. Failed Jobs: web.", -1)
	var failed []bosh.Event
	task, err := s.client.Wait(t.Context(), s.deploy(t, ""), func(e bosh.Event) {
		if e.State == "failed" || e.Type == bosh.EventError {
			failed = append(failed, e)
		}
	})
	if err != nil || task.State != bosh.StateError || len(failed) != 2 {
		t.Fatalf("task %+v, events %+v, error %v", task, failed, err)
	}
	if !strings.HasPrefix(failed[0].Task, "web/") || !strings.Contains(failed[0].Error, "Failed Jobs: web") ||
		failed[1].Code != 450001 || failed[1].Message != failed[0].Error {
		t.Errorf("events %+v", failed)
	}
}

func TestSimulator_aLockIsSeen(t *testing.T) {
	s := simulate(t, nil)
	release := s.HoldLock("concourse")
	defer release()
	locks, err := s.client.Locks(t.Context())
	if err != nil || len(locks) != 1 || locks[0].Type != "deployment" || locks[0].Resource[0] != "concourse" || locks[0].TaskID == 0 {
		t.Fatalf("locks %+v, error %v", locks, err)
	}
}

func TestSimulator_aClientThatMayNotUploadIsToldSo(t *testing.T) {
	s := simulate(t, nil)
	s.uaa.Clients["deployer"] = clientSecret
	s.uaa.Scopes = map[string][]string{"deployer": {"bosh.read", "bosh.teams.ci.admin"}}
	client := s.login(t, "deployer")
	_, err := client.UploadRelease(t.Context(), "perpetual", []byte("x"), "")
	if !errors.Is(err, bosh.ErrForbidden) || !strings.Contains(err.Error(), "director does not let client deployer do this") ||
		!strings.Contains(err.Error(), "bosh.releases.upload") {
		t.Errorf("error %v", err)
	}
	id, err := client.Deploy(t.Context(), []byte(wholeManifest), bosh.DeployOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if task, err := client.Wait(t.Context(), id, nil); err != nil || !task.Succeeded() {
		t.Errorf("task %+v, error %v", task, err)
	}
	if _, err := client.Logs(t.Context(), "concourse", "web", "0"); !errors.Is(err, bosh.ErrForbidden) {
		t.Errorf("logs: error %v", err)
	}
	if _, err := client.StoreConfig(t.Context(), kind, entry, "by: the team\n", ""); err != nil {
		t.Errorf("a config of the team: %v", err)
	}
}

// The release of our own, as this package sends it.
func TestSimulator_takesTheReleaseOfOurOwn(t *testing.T) {
	s := simulate(t, nil)
	upload := func() bosh.Task {
		id, err := s.client.UploadRelease(t.Context(), boshrelease.Name, boshrelease.Archive(), "")
		if err != nil {
			t.Fatal(err)
		}
		task, err := s.client.Wait(t.Context(), id, nil)
		if err != nil {
			t.Fatal(err)
		}
		return task
	}
	for range 2 {
		if task := upload(); !task.Succeeded() || task.Result != "Created release 'perpetual/"+boshrelease.Version()+"'" {
			t.Errorf("task %+v", task)
		}
	}
	script, ok := s.JobTemplate(boshrelease.Name, boshrelease.Version(), boshrelease.GateJob, "post-start")
	if !ok || !strings.HasPrefix(string(script), "#!/bin/bash\n") {
		t.Errorf("template %.40q", script)
	}
}
