// Package variable finds the variables of pipelines as the Concourse of an installation
// does, and says whether the secret ones are hidden and out of reach.
package variable

import (
	"strings"
	"text/template"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/stage"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// Finder finds variables of pipelines.
type Finder struct {
	Site   *site.Site
	Config func() ([]byte, error) // gives the installation's pipeline as it is set, as YAML
}

// Hidden says whether no parameter's value is in the pipeline as it is set, but for
// the key of its reader.
func (f Finder) Hidden() bool {
	text, err := f.Config()
	if err != nil {
		return false
	}
	for name, p := range f.Site.AWS.Parameters() {
		for _, line := range strings.Split(p.Value, "\n") {
			if line != "" && !strings.HasSuffix(name, "/reader_key") && strings.Contains(string(text), line) {
				return false
			}
		}
	}
	return true
}

// Unreachable says whether no pipeline of the team main reads one of the pipeline's
// parameters: by the web's templates, or by any template in a var_source without keys,
// which takes the web's role.
func (f Finder) Unreachable() bool {
	templates, read := ssmTemplates(f.Site.Director.Deployments()), 0
	for name := range f.Site.AWS.Parameters() {
		if !strings.HasPrefix(name, "/perpetual-own/") {
			continue
		}
		short := name[strings.LastIndex(name, "/")+1:]
		for _, variable := range []string{short, "self-upgrade/" + short, strings.TrimPrefix(name, "/"), "../../../" + strings.TrimPrefix(name, "/"), "%2e%2e/" + short} {
			if _, found := f.read(append(templates, "{{.Secret}}", "/{{.Secret}}", "/perpetual-own/"+site.Name+"/{{.Secret}}"), world.Team, variable, f.Site.Credential); found {
				return false
			}
		}
		if _, found := f.Find("own:" + short); found {
			read++
		}
	}
	return read > 0 // else it would show nothing
}

// Find finds a variable as Concourse does: one of a var_source with the keys that the
// pipeline gives it, any other with the templates of SSM names of the web whose manifest
// the director has, and with the rights of its role.
func (f Finder) Find(name string) (string, bool) {
	source, variable, named := strings.Cut(name, ":")
	if !named {
		return f.read(ssmTemplates(f.Site.Director.Deployments()), world.OwnTeam, name, f.Site.Credential)
	}
	text, err := f.Config()
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
			return f.read([]string{s.Config.Pipeline, s.Config.Team}, world.OwnTeam, variable,
				func(path string) (string, bool) { return f.Site.CredentialOf(s.Config.Key, path) })
		}
	}
	return "", false
}

// read looks for a variable of a pipeline of that name in a team, by templates.
func (f Finder) read(templates []string, team, variable string, at func(path string) (string, bool)) (string, bool) {
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
