package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/go-concourse/concourse"
	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
)

// The pipelines that ask for variables, in the team main and in the pipeline's own, and
// what main may read: that lookups work is seen by it.
const (
	askingPipeline = "asking"
	known          = "known"
	knownValue     = "known-to-everybody-in-main"
)

// question is a job that asks for one variable and prints it.
type question struct {
	job, variable string // "ask-3", "source-2:aws_key"
	inFile        bool   // it is in a task file that a step before has fetched
	// answer is what the build prints; empty: there is none, and the build ends with an error.
	answer string
}

// templates of var_sources without keys, which read as the web does.
func templates() []string {
	return []string{
		"{{.Secret}}", "/{{.Secret}}", ownPath + "/{{.Secret}}", "/perpetual-own/{{.Secret}}",
		parameterPath + "/../../perpetual-own/ci/{{.Secret}}", parameterPath + "/%2e%2e/%2e%2e/perpetual-own/ci/{{.Secret}}",
	}
}

// questions are what somebody asks in main who knows where the parameters are.
func (s *stage) questions() []question {
	list := []question{
		{"known", known, false, knownValue},
		{"known-in-file", known, true, knownValue},
		{"known-by-source", fmt.Sprintf("source-%d:%s/%s/%s/%s", 1, parameterPath[1:], mainTeam, askingPipeline, known), false, knownValue},
		// What Concourse takes for no variable stays as it is.
		{"escaped", "%2e%2e/%2e%2e/perpetual-own/ci/aws_key", false, "((%2e%2e/%2e%2e/perpetual-own/ci/aws_key))"},
	}
	add := func(inFile bool, variable string) {
		list = append(list, question{fmt.Sprintf("ask-%d", len(list)), variable, inFile, ""})
	}
	for _, name := range []string{
		"aws_key", "aws_secret_access_key", "self-upgrade/aws_secret_access_key", "self-upgrade/aws_key", "perpetual/self-upgrade/aws_key",
		`"../self-upgrade/aws_key"`, `"../../../perpetual-own/ci/aws_key"`, "/perpetual-own/ci/aws_key", "own:aws_key", "perpetual-own/ci",
	} {
		add(false, name)
	}
	// With the third in it Concourse takes no pipeline: a dot begins a field.
	for _, name := range []string{"self-upgrade/aws_secret_access_key", "own:aws_key", "../self-upgrade/aws_key", fmt.Sprintf("source-%d:aws_key", 2)} {
		add(true, name)
	}
	for n := range templates() {
		names := []string{"/perpetual-own/ci/aws_key", "perpetual-own/ci", "ci"}
		for short := range s.account.own() {
			names = append(names, short)
		}
		slices.Sort(names)
		for _, name := range names {
			add(false, fmt.Sprintf("source-%d:%s", n, name))
		}
	}
	return list
}

// asking is a pipeline with a job for each question.
func (s *stage) asking(sources atc.VarSourceConfigs, list []question) (string, error) {
	digest, err := s.images.waiter.Digest()
	if err != nil {
		return "", err
	}
	type object = map[string]any
	image := object{"type": "registry-image", "source": object{"repository": s.world.registry() + "/waiter"}, "version": object{"tag": "latest", "digest": digest.String()}}
	task := func(args ...string) object {
		return object{"platform": "linux", "image_resource": image, "run": object{"path": "/bin/registryimage", "args": args}}
	}
	var jobs []any
	for _, q := range list {
		plan := []any{object{"task": "print", "config": task("print", "(("+q.variable+"))")}}
		if q.inFile {
			text, err := yaml.Marshal(task("print", "(("+q.variable+"))"))
			if err != nil {
				return "", err
			}
			before, after, _ := strings.Cut(string(text), "((") // or it would be a variable of this pipeline
			fetch := task("write", "fetched/task.yml", before+"(", "("+after)
			fetch["outputs"] = []any{object{"name": "fetched"}}
			plan = []any{object{"task": "fetch", "config": fetch}, object{"task": "print", "file": "fetched/task.yml"}}
		}
		jobs = append(jobs, object{"name": q.job, "plan": plan})
	}
	var all []any
	for _, source := range sources {
		all = append(all, object{"name": source.Name, "type": source.Type, "config": source.Config})
	}
	text, err := yaml.Marshal(object{"var_sources": all, "jobs": jobs})
	return string(text), err
}

// pose sets a pipeline of questions in a team, and gives the builds by job when all have
// ended.
func (s *stage) pose(ctx context.Context, team string, sources atc.VarSourceConfigs, list []question) (map[string]build, error) {
	text, err := s.asking(sources, list)
	if err != nil {
		return nil, err
	}
	file := s.path(askingPipeline + "-" + team + ".yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if _, err := s.fly(ctx, "set-pipeline", "--team", team, "-n", "-p", askingPipeline, "-c", file); err != nil {
		return nil, err
	}
	if _, err := s.fly(ctx, "unpause-pipeline", "--team", team, "-p", askingPipeline); err != nil {
		return nil, err
	}
	asked := map[int]string{}
	for _, q := range list {
		made, err := ask(ctx, s.api, "a build of "+q.job, func(client concourse.Client) (atc.Build, error) {
			return client.Team(team).CreateJobBuild(reference(askingPipeline), q.job)
		})
		if err != nil {
			return nil, err
		}
		asked[made.ID] = q.job
	}
	var ended map[string]build
	err = eventually(ctx, patience, "the ends of "+strconv.Itoa(len(list))+" builds", func(context.Context) error {
		ended = map[string]build{}
		for _, b := range s.record.all() {
			if job, is := asked[b.ID]; is && !b.ended.IsZero() {
				ended[job] = b
			}
		}
		if len(ended) < len(list) {
			return errNotYet
		}
		return nil
	})
	return ended, err
}

// showOwn prints one of the pipeline's credentials in its own team, by its own
// var_source: where that works, a look elsewhere that finds nothing shows something.
func (s *stage) showOwn(ctx context.Context, source atc.VarSourceConfig) error {
	builds, err := s.pose(ctx, s.team(), atc.VarSourceConfigs{source}, []question{{"own", "own:aws_key", false, ""}})
	if err != nil {
		return err
	}
	b := builds["own"]
	id, key, _ := strings.Cut(s.account.own()["aws_key"], "\n")
	s.expect(key != "" && strings.Contains(b.log(), id) && strings.Contains(b.log(), key), "a build in team "+s.team()+" finds the key of the pipeline's user", "it %s: %s", b.Status, tail(b.log(), 300))
	return nil
}

// askEverything asks in main for the pipeline's parameters, under many names.
func (s *stage) askEverything(ctx context.Context) error {
	s.account.AWS.SetParameter(strings.Join([]string{parameterPath, mainTeam, askingPipeline, known}, "/"), aws.Parameter{Type: "SecureString", Value: knownValue})
	var sources atc.VarSourceConfigs
	for n, template := range templates() {
		sources = append(sources, atc.VarSourceConfig{Name: fmt.Sprintf("source-%d", n), Type: "ssm", Config: map[string]any{
			"region": aws.DefaultRegion, "pipeline_secret_template": template, "team_secret_template": template, "shared_path": ownPath,
		}})
	}
	list := s.questions()
	builds, err := s.pose(ctx, mainTeam, sources, list)
	if err != nil {
		return err
	}
	s.line.add("main", "%d builds have asked for the pipeline's credentials", len(list))
	var wrong []string
	for _, q := range list {
		b := builds[q.job]
		switch {
		case q.answer != "":
			s.expect(b.Status == "succeeded" && strings.Contains(b.log(), q.answer), "a build of main prints "+q.answer+" for (("+q.variable+"))", "it %s: %s", b.Status, tail(b.log(), 300))
		case b.Status != "errored" || !findsNothing(b.log()):
			wrong = append(wrong, fmt.Sprintf("((%s)) in %s: the build %s: %s", q.variable, q.job, b.Status, tail(b.log(), 200)))
		}
	}
	s.expect(len(wrong) == 0, "every build of main that asks for the pipeline's credentials ends with an error", "%s", strings.Join(wrong, "; "))
	return s.checkWith(ctx, sources)
}

// checkWith asks for them in the source of a resource of main, which Concourse looks up
// when it checks.
func (s *stage) checkWith(ctx context.Context, sources atc.VarSourceConfigs) error {
	for n, variable := range []string{"self-upgrade/aws_secret_access_key", "source-2:aws_key"} {
		type object = map[string]any
		text, err := json.Marshal(object{
			"var_sources": sources,
			"resources":   []any{object{"name": "image", "type": "registry-image", "source": object{"repository": "((" + variable + "))"}}},
			"jobs":        []any{object{"name": "get", "plan": []any{object{"get": "image"}}}},
		})
		if err != nil {
			return err
		}
		pipeline := fmt.Sprintf("checking-%d", n)
		if err := os.WriteFile(s.path(pipeline+".yml"), text, 0o600); err != nil {
			return err
		}
		if _, err := s.fly(ctx, "set-pipeline", "-n", "-p", pipeline, "-c", s.path(pipeline+".yml")); err != nil {
			return err
		}
		_, err = s.fly(ctx, "check-resource", "-r", pipeline+"/image")
		s.expect(err != nil && findsNothing(err.Error()) && s.shown(err.Error()) == "", "a check of main with (("+variable+")) finds nothing", "%v", err)
	}
	return nil
}

// findsNothing says whether a text tells of a lookup that found nothing, or was refused.
func findsNothing(text string) bool {
	return slices.ContainsFunc([]string{"undefined vars", "missing source", "AccessDenied", "invalid var"}, func(words string) bool { return strings.Contains(text, words) })
}

// shown is a parameter of the pipeline's own whose value is in a text; "" for none.
func (s *stage) shown(text string) string {
	for short, value := range s.account.own() {
		if short == "director_ca_cert" { // a certificate, which is no secret
			continue
		}
		for line := range strings.Lines(value) {
			if line = strings.TrimSpace(line); line != "" && strings.Contains(text, line) {
				return short
			}
		}
	}
	return ""
}

// expectNothingSeen wants no parameter of the pipeline's own in anything that a build or
// a check has shown, but where showOwn has printed it.
func (s *stage) expectNothingSeen() {
	var found []string
	looked := 0
	for _, b := range s.record.all() {
		if b.TeamName == s.team() && b.PipelineName == askingPipeline {
			continue
		}
		for _, h := range b.events {
			looked++
			if short := s.shown(h.raw); short != "" {
				found = append(found, short+" in "+b.TeamName+"/"+b.PipelineName+" "+b.name())
			}
		}
	}
	found = slices.Compact(found)
	s.expect(len(found) == 0 && looked > 100, "no value of theirs is in the events of any other build or check", "of %d events: %s", looked, strings.Join(found, ", "))
}
