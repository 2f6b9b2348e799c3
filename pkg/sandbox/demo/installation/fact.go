package installation

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/stage"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// installFacts are what the demo has seen and judges by.
type installFacts struct {
	begin, installed, end  inventory
	first, second          deployed
	written, writtenInside changes
	firstRound             []player.Outcome
	before, upgraded       changes
	inside                 []deployed // by the pipeline
	upgrade, verify        player.Outcome
	ways                   []string          // what it said of the way of the upgrade
	accepted               time.Time         // when the director has accepted the upgrade's deploy
	events                 []concourse.Event // of the upgrade
	hidden                 bool              // no secret of SSM was in the pipeline
	unreachable            bool              // a pipeline of another team reads none of them
	ownKeys                bool              // the last build had keys of the pipeline's user
	keysLeft               int               // that user's after destroy
	planned                bool              // plan said that nothing would change
	left                   []string
	taskEnded              time.Time // of the upgrade's deploy
	attack                 attackFacts
}

// lastInside is what the last build of the pipeline did.
func (f *installFacts) lastInside() deployed {
	if len(f.inside) == 0 {
		return deployed{}
	}
	return f.inside[len(f.inside)-1]
}

// stack tells of many resources in few lines.
type stack struct {
	mu          sync.Mutex
	there, gone int
	open        bool
}

// shownTypes are the resources that have lines of their own.
var shownTypes = []string{"AWS::EC2::VPC", "AWS::RDS::DBInstance"}

// count takes one line of the simulator; ok says whether it is worth telling.
func (s *stack) count(what string) (line string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, word := &s.there, "are there"
	if strings.HasSuffix(what, "is gone") {
		n, word = &s.gone, "are gone"
	}
	*n++
	s.open = true
	if slices.ContainsFunc(shownTypes, func(t string) bool { return strings.Contains(what, "("+t+")") }) {
		return what, true
	}
	if *n%10 == 0 {
		return fmt.Sprintf("%d resources %s", *n, word), true
	}
	return "", false
}

// close tells how many it were, at the end of the step.
func (s *stack) close(line *stage.Timeline, step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if step != "infrastructure" || !s.open {
		return
	}
	s.open = false
	if s.gone > 0 {
		line.Add("CloudFormation", fmt.Sprintf("%d resources are gone", s.gone))
		return
	}
	line.Add("CloudFormation", fmt.Sprintf("%d resources are there", s.there))
}

// observe puts what the simulators do on the timeline.
func (i *install) observe(who, what string) {
	if who == "CloudFormation" {
		line, ok := i.stack.count(what)
		if !ok {
			return
		}
		what = line
	}
	i.line.Add(who, what)
}

// observePlayer puts what Concourse does on the timeline.
func (i *install) observePlayer(h player.Happening) {
	job := fmt.Sprintf("%s #%s", h.Job, h.Build)
	switch {
	case h.Kind == "check" && h.Err != nil:
		i.line.Add("Concourse", fmt.Sprintf("check of %s fails: %v", h.Resource, h.Err))
	case h.Kind == "check":
		for _, v := range h.Versions {
			i.line.Add("Concourse", fmt.Sprintf("check of %s finds %s", h.Resource, stage.VersionText(v)))
		}
	case h.Kind == "build" && h.Err != nil:
		i.line.Add(job, fmt.Sprintf("build %s: %v", h.Status, h.Err))
	case h.Kind == "build":
		i.line.Add(job, "build "+h.Status)
	case h.Kind == "get":
		i.line.Add(job, fmt.Sprintf("got %s %s", h.Resource, stage.VersionText(h.Versions[0])))
	case h.Kind == "load_var":
		i.line.Add(job, fmt.Sprintf("loaded %s %s", h.Resource, h.Value))
	}
}

// follow tells when a director task ends. Nobody in the pipeline does.
func (i *install) follow(id int) {
	task, err := i.site.Director.Wait(i.ctx, id)
	if err != nil {
		return
	}
	i.line.Add("BOSH", fmt.Sprintf("director task %d is over: %s", id, task.State))
}

// userOf is the name of a user that the stack has.
func (i *install) userOf(logicalID string) string {
	for _, stack := range i.site.Stacks.State().Stacks {
		if r, there := stack.Resources[logicalID]; there {
			return r.PhysicalID
		}
	}
	return ""
}

// hidesSecrets says whether no parameter's value is in the pipeline as it is set, but for
// the key of its reader.
func (i *install) hidesSecrets() bool {
	text, err := installedATC{i.site}.Config()
	if err != nil {
		return false
	}
	for name, p := range i.site.AWS.Parameters() {
		for _, line := range strings.Split(p.Value, "\n") {
			if line != "" && !strings.HasSuffix(name, "/reader_key") && strings.Contains(string(text), line) {
				return false
			}
		}
	}
	return true
}

// unreachable says whether no pipeline of the team main reads one of the pipeline's
// parameters: by the web's templates, or by any template in a var_source without keys,
// which takes the web's role.
func (i *install) unreachable() bool {
	templates, read := ssmTemplates(i.site.Director.Deployments()), 0
	for name := range i.site.AWS.Parameters() {
		if !strings.HasPrefix(name, "/perpetual-own/") {
			continue
		}
		short := name[strings.LastIndex(name, "/")+1:]
		for _, variable := range []string{short, "self-upgrade/" + short, strings.TrimPrefix(name, "/"), "../../../" + strings.TrimPrefix(name, "/"), "%2e%2e/" + short} {
			if _, found := i.read(append(templates, "{{.Secret}}", "/{{.Secret}}", "/perpetual-own/"+site.Name+"/{{.Secret}}"), world.Team, variable, i.site.Credential); found {
				return false
			}
		}
		if _, found := i.lookup("own:" + short); found {
			read++
		}
	}
	return read > 0 // else it would show nothing
}

// lookup finds a variable as Concourse does: one of a var_source with the keys that the
// pipeline gives it, any other with the templates of SSM names of the web whose manifest
// the director has, and with the rights of its role.
func (i *install) lookup(name string) (string, bool) {
	source, variable, named := strings.Cut(name, ":")
	if !named {
		return i.read(ssmTemplates(i.site.Director.Deployments()), world.OwnTeam, name, i.site.Credential)
	}
	text, err := installedATC{i.site}.Config()
	if err != nil {
		return "", false
	}
	var config struct {
		VarSources []struct {
			Name   string
			Config struct {
				Key      string `yaml:"secret_key"`
				Pipeline string `yaml:"pipeline_secret_template"`
				Team     string `yaml:"team_secret_template"`
			}
		} `yaml:"var_sources"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return "", false
	}
	for _, s := range config.VarSources {
		if s.Name == source {
			return i.read([]string{s.Config.Pipeline, s.Config.Team}, world.OwnTeam, variable,
				func(path string) (string, bool) { return i.site.CredentialOf(s.Config.Key, path) })
		}
	}
	return "", false
}

// read looks for a variable of a pipeline of that name in a team, by templates.
func (i *install) read(templates []string, team, variable string, at func(path string) (string, bool)) (string, bool) {
	for _, text := range templates {
		parsed, err := template.New("").Parse(text)
		if err != nil {
			return "", false
		}
		var path strings.Builder
		values := map[string]string{"Team": team, "Pipeline": stage.PipelineName, "Secret": variable}
		if err := parsed.Execute(&path, values); err != nil {
			return "", false
		}
		if value, found := at(path.String()); found {
			return value, true
		}
	}
	return "", false
}

// ssmTemplates are the names under which the deployed web looks.
func ssmTemplates(deployments []director.Deployment) []string {
	var m struct {
		InstanceGroups []struct {
			Jobs []struct {
				Name       string
				Properties struct {
					SSM struct {
						Pipeline string `yaml:"pipeline_secret_template"`
						Team     string `yaml:"team_secret_template"`
					} `yaml:"aws_ssm"`
				}
			}
		} `yaml:"instance_groups"`
	}
	for _, d := range deployments {
		if err := yaml.Unmarshal([]byte(d.Manifest), &m); err != nil {
			continue
		}
		for _, group := range m.InstanceGroups {
			for _, job := range group.Jobs {
				if ssm := job.Properties.SSM; job.Name == "web" && ssm.Pipeline != "" {
					return []string{ssm.Pipeline, ssm.Team}
				}
			}
		}
	}
	return nil
}
