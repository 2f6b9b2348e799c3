// Package player plays a pipeline the way Concourse does, as far as the bundled
// ones go: it checks resources, starts the jobs that new versions trigger, and runs
// each get and put as a process with JSON on stdin, and each task as its owner says.
package player

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// config is the part of a pipeline that is played.
type config struct {
	ResourceTypes []resource `json:"resource_types"`
	Resources     []resource `json:"resources"`
	Jobs          []job      `json:"jobs"`
}

// resource of a pipeline, or a type of resources.
type resource struct {
	Name       string         `json:"name"`        // "components"
	Type       string         `json:"type"`        // "perpetual"; of a type "registry-image"
	CheckEvery string         `json:"check_every"` // "10m", "never"
	Source     map[string]any `json:"source"`
}

// job of a pipeline.
type job struct {
	Name          string `json:"name"` // "upgrade"
	Serial        bool   `json:"serial"`
	Interruptible bool   `json:"interruptible"`
	Plan          []step `json:"plan"`
}

// step of a job: a get, a put, a load_var or a task.
type step struct {
	Get      string         `json:"get"` // "components"
	Put      string         `json:"put"` // "deployment"
	Resource string         `json:"resource"`
	Trigger  bool           `json:"trigger"`
	NoGet    bool           `json:"no_get"`
	Inputs   any            `json:"inputs"`
	Params   map[string]any `json:"params"`
	Passed   []string       `json:"passed"`

	LoadVar string `json:"load_var"` // "perpetual_version"
	File    string `json:"file"`     // of load_var: "components/perpetual/version"
	Format  string `json:"format"`   // of load_var: "trim", "raw"
	Reveal  bool   `json:"reveal"`   // whether logs may show the variable

	Task   string `json:"task"` // "deploy"
	Config *task  `json:"config"`

	Timeout string `json:"timeout"` // of any step: "3h"
}

// timeout of the step; 0: it has none.
func (s step) timeout() (time.Duration, error) {
	if s.Timeout == "" {
		return 0, nil
	}
	return time.ParseDuration(s.Timeout)
}

// name of the step.
func (s step) name() string { return cmp.Or(s.Get, s.Put, s.LoadVar, s.Task) }

// kinds are the kinds of step that it is; one that is played is of one.
func (s step) kinds() int {
	n := 0
	for _, name := range []string{s.Get, s.Put, s.LoadVar, s.Task} {
		if name != "" {
			n++
		}
	}
	return n
}

// resource that the step gets or puts.
func (s step) resource() string {
	switch {
	case s.Resource != "":
		return s.Resource
	case s.Get != "":
		return s.Get
	}
	return s.Put
}

// parse reads a pipeline and refuses what would be played wrongly.
func parse(text []byte) (config, error) {
	var c config
	if err := yaml.Unmarshal(text, &c); err != nil {
		return config{}, fmt.Errorf("parse pipeline: %w", err)
	}
	for _, j := range c.Jobs {
		for _, s := range j.Plan {
			if err := c.playable(s); err != nil {
				return config{}, fmt.Errorf("parse pipeline: job %s %w", j.Name, err)
			}
		}
	}
	return c, nil
}

// playable says what of a step is not played, or that Concourse would refuse it.
func (c config) playable(s step) error {
	switch {
	case s.kinds() != 1:
		return errors.New("has a step that is none of get, put, load_var and task, or several")
	case len(s.Passed) > 0:
		return errors.New("uses passed, which is not played")
	}
	if _, err := s.timeout(); err != nil {
		return fmt.Errorf("has the step %s with an invalid timeout: %w", s.name(), err)
	}
	switch {
	case s.Task != "":
		return s.playableTask()
	case s.LoadVar != "":
		return s.playableVar()
	}
	if _, ok := c.resource(s.resource()); !ok {
		return fmt.Errorf("uses the unknown resource %s", s.resource())
	}
	return nil
}

func (c config) resource(name string) (resource, bool) {
	for _, r := range c.Resources {
		if r.Name == name {
			return r, true
		}
	}
	return resource{}, false
}

func (c config) job(name string) (job, bool) {
	for _, j := range c.Jobs {
		if j.Name == name {
			return j, true
		}
	}
	return job{}, false
}

// placeholder is a variable that a credential manager fills in.
var placeholder = regexp.MustCompile(`\(\(([-\w./:]+)\)\)`)

// lookup finds the value of a variable.
type lookup func(name string) (value string, found bool)

// resolve fills in variables as Concourse does before a step runs. One without a
// value is an error, as it is there.
func resolve(value any, find lookup) (any, error) {
	switch v := value.(type) {
	case string:
		return resolveText(v, find)
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			var err error
			if out[key], err = resolve(item, find); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			var err error
			if out[i], err = resolve(item, find); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return value, nil
}

func resolveText(text string, find lookup) (string, error) {
	var missing []string
	text = placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := strings.Trim(found, "()")
		value, ok := find(name)
		if !ok {
			missing = append(missing, name)
		}
		return value
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("undefined vars: %s", strings.Join(missing, ", "))
	}
	return text, nil
}

// Version is a resource version.
type Version map[string]string

// key tells versions apart.
func (v Version) key() string {
	text, _ := json.Marshal(v) // a map of strings always encodes, with its keys sorted
	return string(text)
}
