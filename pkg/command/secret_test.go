package command_test

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// canaries are credentials of a run that are in no source: of the deployment, in
// vars, and of the pipeline, in its vars. round makes those of a rotation others.
func (s *stage) canaries(round string) (vars, pipelineVars object, all []string) {
	secret := func(name string) string {
		all = append(all, round+"-canary-"+name)
		return round + "-canary-" + name
	}
	vars = s.ManifestVars()
	maps.Copy(vars, object{
		"postgres_password": secret("postgres"), "encryption_key": secret("encryption-key-of-32-b"),
		"token_signing_key": object{"private_key": "-----BEGIN RSA PRIVATE KEY-----\n" + secret("signing-line-1") + "\n" + secret("signing-line-2") + "\n-----END RSA PRIVATE KEY-----\n", "public_key": "sandbox-public-key"},
		"tsa_host_key":      secret("tsa-host-key"), "worker_private_key": secret("worker-private"),
	})
	pipelineVars = s.PipelineVars()
	maps.Copy(pipelineVars, object{
		"director_client_secret": secret("director-secret"), "atc_password": secret("atc-password"), "github_token": secret("github"),
	})
	return vars, pipelineVars, all
}

// canaryPut deploys with canaries, given in params or in files.
func (s *stage) canaryPut(t *testing.T, round string, inFiles bool, params object) (request object, secrets []string) {
	t.Helper()
	vars, pipelineVars, secrets := s.canaries(round)
	all := object{"components": "components", "vars": vars, "detach": false, "pipeline": object{"name": pipelineName, "vars": pipelineVars}}
	if inFiles {
		write(t, s.dir, map[string]string{"vars.yml": asYAML(t, vars), "pipeline-vars.yml": asYAML(t, pipelineVars)})
		delete(all, "vars")
		all["vars_files"], all["pipeline"] = []string{"vars.yml"}, object{"name": pipelineName, "vars_files": []string{"pipeline-vars.yml"}}
	}
	maps.Copy(all, params)
	return object{"source": s.DeploymentSource(), "params": all}, append(secrets, world.DirectorSecret, world.ConcoursePass)
}

func asYAML(t *testing.T, value any) string {
	t.Helper()
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCanary_isShownByNoRun(t *testing.T) {
	t.Parallel()
	for name, inFiles := range map[string]bool{"in params": false, "in files": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.fetch(t, nil)
			write(t, s.dir, map[string]string{"cloud-config.yml": world.CloudConfig})
			first, secrets := s.canaryPut(t, "first", inFiles, object{"cloud_config": "cloud-config.yml"})
			p := ask(t, "out", first, s.dir)
			v := answer[result](t, p).Version
			hides(t, p, secrets...)
			s.hiddenIn(t, v, secrets)

			// A rotation changes every credential, so that all of them are in the differences.
			preview, fresh := s.canaryPut(t, "second", inFiles, object{"dry_run": true})
			secrets = append(secrets, fresh...)
			p = ask(t, "out", preview, s.dir)
			answer[result](t, p)
			hides(t, p, secrets...)
			rotation, _ := s.canaryPut(t, "second", inFiles, nil)
			p = ask(t, "out", rotation, s.dir)
			v = answer[result](t, p).Version
			hides(t, p, secrets...)
			s.hiddenIn(t, v, secrets)
			if deployed := s.Director.Deployments()[0].Manifest; !strings.Contains(deployed, fresh[0]) {
				t.Error("the rotation did not reach the deployment, so this test has shown nothing")
			}
			// Kept values are as secret as given ones.
			kept := s.out(nil)
			p = ask(t, "out", kept, s.dir)
			answer[result](t, p)
			hides(t, p, secrets...)
			s.idle(t)
		})
	}
}

// hiddenIn wants no credential in what in prints and writes, but in manifest.yml.
func (s *stage) hiddenIn(t *testing.T, v version, secrets []string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "in")
	p := ask(t, "in", object{"source": s.DeploymentSource(), "version": v, "params": object{"verify": true}}, dir)
	answer[result](t, p)
	hides(t, p, secrets...)
	for name, text := range files(t, dir) {
		if name == "manifest.yml" {
			continue
		}
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows a credential (%s):\n%s", name, secret, text)
			}
		}
	}
}

// Runs that fail, most with an answer that repeats what it was sent.
func TestCanary_isShownByNoFailingRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		params  object
		files   map[string]string
		server  string
		fault   fault.Fault
		inFiles bool
	}{
		"the director refuses the comparison": {server: "director", fault: fault.Fault{Method: "POST", Path: "/deployments", Code: 400}},
		"the director refuses the deploy":     {server: "director", fault: fault.Fault{Method: "POST", Path: "/deployments*", Code: 400}},
		"the director refuses vars of a file": {server: "director", fault: fault.Fault{Method: "POST", Path: "/deployments*", Code: 400}, inFiles: true},
		"the ATC refuses the pipeline":        {server: "concourse", fault: fault.Fault{Method: "PUT", Path: "/api/v1/teams", Code: 400}},
		"the ATC refuses vars of a file":      {server: "concourse", fault: fault.Fault{Method: "PUT", Path: "/api/v1/teams", Code: 500}, inFiles: true},
		"the UAA is sick":                     {server: "uaa", fault: fault.Fault{Code: 500}},
		"the login is sick":                   {server: "concourse", fault: fault.Fault{Path: "/sky/issuer/token", Code: 500}},
		"a variable has no value":             {params: object{"manifest": "m.yml"}, files: map[string]string{"m.yml": "name: concourse\npassword: ((postgres_password))\nx: ((nobody))\n"}},
		"a map stands inside a text":          {params: object{"manifest": "m.yml"}, files: map[string]string{"m.yml": "name: concourse\nx: a ((token_signing_key))\n"}},
		"a text stands where a number should": {params: object{"manifest": "m.yml"}, files: map[string]string{"m.yml": "name: concourse\ninstance_groups: [{name: a, instances: ((postgres_password))}]\n"}},
		"a secret is the name":                {params: object{"manifest": "m.yml"}, files: map[string]string{"m.yml": "name: ((postgres_password))\n"}},
		"an ops file does not apply":          {params: object{"ops_files": []string{"o.yml"}}, files: map[string]string{"o.yml": "- {type: replace, path: /nowhere/x, value: first-canary-postgres}\n"}},
		"a pipeline that is none":             {params: object{"pipeline": object{"file": "p.yml", "vars": object{"atc_password": "first-canary-atc-password"}}}, files: map[string]string{"p.yml": "jobs: ((atc_password))\n"}},
		"a vars file that is none":            {params: object{"vars_files": []string{"v.yml"}}, files: map[string]string{"v.yml": "first-canary-postgres\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := installed(t)
			write(t, s.dir, c.files)
			request, secrets := s.canaryPut(t, "first", c.inFiles, c.params)
			if c.server != "" {
				c.fault.Kind, c.fault.Times, c.fault.Body = fault.Status, -1, "refused: "+strings.Join(secrets, " and ")
				s.Faults[c.server].Add(c.fault)
			}
			p := ask(t, "out", request, s.dir)
			refused(t, p)
			hides(t, p, secrets...)
		})
	}
}

// A deploy that fails repeats a credential in its reason, and so does its get.
func TestCanary_isShownByNoFailedDeploy(t *testing.T) {
	t.Parallel()
	s := installed(t)
	s.Director.FailInstance("worker", 0, "pre-start: login with "+world.DirectorSecret+" and first-canary-postgres failed", 1)
	request, secrets := s.canaryPut(t, "first", false, nil)
	p := ask(t, "out", request, s.dir)
	refused(t, p, "wait for the deploy", "pre-start", "worker/")
	hides(t, p, secrets...)

	dir := filepath.Join(t.TempDir(), "in")
	p = ask(t, "in", object{"source": s.DeploymentSource(), "version": object{"task": "3"}, "params": object{"verify": true}}, dir)
	refused(t, p, "pre-start", "worker/")
	hides(t, p, credentials()...)
}

// A number is as secret as a text under the same name.
func TestCanary_mayBeANumber(t *testing.T) {
	t.Parallel()
	s := installed(t)
	const number = "31415926535"
	params := object{"vars": object{"postgres_password": 31415926535}, "pipeline": object{"name": pipelineName, "vars": object{"atc_password": 31415926535}}}
	s.Faults["director"].Add(fault.Fault{Method: "POST", Path: "/deployments*", Kind: fault.Status, Code: 400, Body: "refused: " + number})
	p := ask(t, "out", s.out(params), s.dir)
	refused(t, p, "deploy")
	hides(t, p, number)
}

// The template's own text is the users': what stands there as a credential is
// hidden by the director and by the pipeline's comparison.
func TestCanary_mayStandInTheUsersFiles(t *testing.T) {
	t.Parallel()
	s := installed(t)
	const canary = "canary-in-a-file"
	text := string(template.WithoutEmptyVariables(render(t, bundle.Concourse(), bundle.ConcourseDefaults(), s.ManifestVars(), s.setVars(), object{"deployment_name": "concourse", "encryption_key": canary})))
	pipeline := "resources:\n- {name: r, type: git, source: {uri: \"https://x:" + canary + "@example.com\", private_key: " + canary + "}}\njobs:\n- name: j\n  plan: [{get: r, params: {anything: " + canary + "}}]\n"
	write(t, s.dir, map[string]string{"m.yml": text, "p.yml": pipeline})
	for _, dry := range []bool{true, false} {
		p := ask(t, "out", s.out(object{"manifest": "m.yml", "dry_run": dry, "pipeline": object{"name": pipelineName, "file": "p.yml"}}), s.dir)
		answer[result](t, p)
		hides(t, p, canary)
	}
	s.idle(t)
}
