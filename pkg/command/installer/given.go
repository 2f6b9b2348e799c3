package installer

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// defaultFile is the configuration file that is taken when none is named.
const defaultFile = "perpetual.yml"

// wishes are what the user gives this time: the file, over it the environment,
// over that flags.
type wishes struct {
	config *config.Config
	source *schema.Source // where what is in the file
	file   string         // "" if there is none
	dir    string         // what paths in the configuration are relative to
	// named are the files that flags or the environment name: they may be anywhere.
	named map[string]bool
}

// readWishes reads the file and lays environment and flags over it. It says all that
// is wrong with what they hold.
func readWishes(c *command.Call, g common, flags given) (wishes, error) {
	w, problems, err := surveyWishes(c, g, flags)
	if err != nil {
		return wishes{}, err
	}
	return w, problems.Err()
}

// surveyWishes is readWishes that gives, beside the problems, the rest.
func surveyWishes(c *command.Call, g common, flags given) (wishes, schema.Problems, error) {
	w, problems, err := surveyFile(g.Config)
	if err != nil {
		return wishes{}, nil, err
	}
	for _, s := range config.Settings() {
		source, text := s.Env, c.Env(s.Env)
		if value, ok := flags[s.Key]; ok {
			source, text = "--"+s.Flag, value
		}
		if text == "" && source == s.Env || s.Key == "name" {
			continue
		}
		if err := config.Apply(w.config, source, s.Key, text); err != nil {
			problems = append(problems, schema.Problem{Text: err.Error()})
		}
		w.source.Given(s.Key, source)
		if slices.Contains(fileKeys(), s.Key) {
			for name := range strings.SplitSeq(text, ",") {
				w.named[strings.TrimSpace(name)] = true
			}
		}
	}
	c.Mask(config.Keys().Secrets(w.config)...)
	if err := w.name(g.Name, c.Env(environmentPrefix+"NAME")); err != nil && len(problems) == 0 {
		return wishes{}, nil, err
	}
	return w, problems, nil
}

// readFile reads the configuration file, if there is one.
func readFile(path string) (wishes, error) {
	w, problems, err := surveyFile(path)
	if err == nil {
		err = problems.Err()
	}
	return w, err
}

// surveyFile is readFile that gives, beside the problems, the rest.
func surveyFile(path string) (wishes, schema.Problems, error) {
	w := wishes{config: &config.Config{}, dir: ".", named: map[string]bool{}}
	name := path
	if name == "" {
		name = defaultFile
	}
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && path == "":
		return w, nil, nil
	case err != nil:
		return wishes{}, nil, fmt.Errorf("read the configuration: %w", err)
	}
	w.file, w.dir = name, filepath.Dir(name)
	var problems schema.Problems
	w.config, w.source, problems, err = config.Survey(name, text)
	return w, problems, err
}

// name takes the installation's name from wherever it is given.
func (w *wishes) name(argument, variable string) error {
	if ending := filepath.Ext(argument); ending == ".yml" || ending == ".yaml" {
		return fmt.Errorf("the argument: want the name of an installation, got a file; to read that: --config %s", argument)
	}
	from := ""
	for _, given := range []struct{ from, name string }{
		{w.file, w.config.Name}, {environmentPrefix + "NAME", variable}, {"the argument", argument},
	} {
		switch {
		case given.name == "":
		case from != "" && given.name != w.config.Name:
			return fmt.Errorf("name: %s says %s, %s says %s; nothing was changed: give it once", from, w.config.Name, given.from, given.name)
		case from != "" || given.from == w.file:
			from, w.config.Name = given.from, given.name
		default:
			if err := config.Apply(w.config, given.from, "name", given.name); err != nil {
				return err
			}
			from = given.from
		}
	}
	if w.config.Name == "" {
		return errors.New("name: which installation? give its name as an argument, as name in perpetual.yml or as PERPETUAL_NAME")
	}
	return nil
}

// fileKeys are the keys that hold names of files.
func fileKeys() []string {
	return []string{"manifest.ops_files", "manifest.director_ops_files", "manifest.cloud_config_ops_files", "manifest.vars_files", "pipeline.ops_files"}
}

// open reads a file that the configuration names. What the file perpetual.yml names is in
// its folder: who can change that file alone shall not have others of the machine read,
// and stored where the pipeline reads them.
func (w wishes) open(name string) ([]byte, error) {
	if w.named[name] {
		if !filepath.IsAbs(name) {
			name = filepath.Join(w.dir, name)
		}
		return os.ReadFile(name)
	}
	root, err := os.OpenRoot(w.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	text, err := root.ReadFile(filepath.Clean(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%s: a path in %s must not leave its folder, not even through a link; give a file elsewhere by flag, as with --manifest-ops-files, or in the environment", name, cmp.Or(w.file, defaultFile))
	}
	return text, err
}
