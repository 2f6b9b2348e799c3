package grammar

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

// Given is what the user gives this time: the file, over it the environment,
// over that flags.
type Given struct {
	Config *config.Config
	Source *schema.Source // where what is in the file
	File   string         // "" if there is none
	Dir    string         // what paths in the configuration are relative to
	// named are the files that flags or the environment name: they may be anywhere.
	named map[string]bool
}

// Read reads the file and lays environment and flags over it. It says all that
// is wrong with what they hold.
func Read(c *command.Call, g Common, flags Settings) (Given, error) {
	w, problems, err := Survey(c, g, flags)
	if err != nil {
		return Given{}, err
	}
	return w, problems.Err()
}

// Survey is Read that gives, beside the problems, the rest.
func Survey(c *command.Call, g Common, flags Settings) (Given, schema.Problems, error) {
	w, problems, err := survey(g.Config)
	if err != nil {
		return Given{}, nil, err
	}
	for _, s := range config.Settings() {
		source, text := s.Env, c.Env(s.Env)
		if value, ok := flags[s.Key]; ok {
			source, text = "--"+s.Flag, value
		}
		if text == "" && source == s.Env || s.Key == "name" {
			continue
		}
		if err := config.Apply(w.Config, source, s.Key, text); err != nil {
			problems = append(problems, schema.Problem{Text: err.Error()})
		}
		w.Source.Given(s.Key, source)
		if slices.Contains(fileKeys(), s.Key) {
			for name := range strings.SplitSeq(text, ",") {
				w.named[strings.TrimSpace(name)] = true
			}
		}
	}
	c.Mask(config.Keys().Secrets(w.Config)...)
	if err := w.name(g.Name, c.Env(Prefix+"NAME")); err != nil && len(problems) == 0 {
		return Given{}, nil, err
	}
	return w, problems, nil
}

// ReadFile reads the configuration file, if there is one.
func ReadFile(path string) (Given, error) {
	w, problems, err := survey(path)
	if err == nil {
		err = problems.Err()
	}
	return w, err
}

// survey is ReadFile that gives, beside the problems, the rest.
func survey(path string) (Given, schema.Problems, error) {
	w := Given{Config: &config.Config{}, Dir: ".", named: map[string]bool{}}
	name := path
	if name == "" {
		name = defaultFile
	}
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && path == "":
		return w, nil, nil
	case err != nil:
		return Given{}, nil, fmt.Errorf("read the configuration: %w", err)
	}
	w.File, w.Dir = name, filepath.Dir(name)
	var problems schema.Problems
	w.Config, w.Source, problems, err = config.Survey(name, text)
	return w, problems, err
}

// name takes the installation's name from wherever it is given.
func (w *Given) name(argument, variable string) error {
	if ending := filepath.Ext(argument); ending == ".yml" || ending == ".yaml" {
		return fmt.Errorf("the argument: want the name of an installation, got a file; to read that: --config %s", argument)
	}
	from := ""
	for _, given := range []struct{ from, name string }{
		{w.File, w.Config.Name}, {Prefix + "NAME", variable}, {"the argument", argument},
	} {
		switch {
		case given.name == "":
		case from != "" && given.name != w.Config.Name:
			return fmt.Errorf("name: %s says %s, %s says %s; nothing was changed: give it once", from, w.Config.Name, given.from, given.name)
		case from != "" || given.from == w.File:
			from, w.Config.Name = given.from, given.name
		default:
			if err := config.Apply(w.Config, given.from, "name", given.name); err != nil {
				return err
			}
			from = given.from
		}
	}
	if w.Config.Name == "" {
		return errors.New("name: which installation? give its name as an argument, as name in perpetual.yml or as PERPETUAL_NAME")
	}
	return nil
}

// fileKeys are the keys that hold names of files.
func fileKeys() []string {
	return []string{"manifest.ops_files", "manifest.director_ops_files", "manifest.cloud_config_ops_files", "manifest.vars_files", "pipeline.ops_files"}
}

// Open reads a file that the configuration names. What the file perpetual.yml names is in
// its folder: who can change that file alone shall not have others of the machine read,
// and stored where the pipeline reads them.
func (w Given) Open(name string) ([]byte, error) {
	if w.named[name] {
		if !filepath.IsAbs(name) {
			name = filepath.Join(w.Dir, name)
		}
		return os.ReadFile(name)
	}
	root, err := os.OpenRoot(w.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	text, err := root.ReadFile(filepath.Clean(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%s: a path in %s must not leave its folder, not even through a link; give a file elsewhere by flag, as with --manifest-ops-files, or in the environment", name, cmp.Or(w.File, defaultFile))
	}
	return text, err
}
