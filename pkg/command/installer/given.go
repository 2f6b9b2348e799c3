package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/config"
)

// defaultFile is the configuration file that is taken when none is named.
const defaultFile = "perpetual.yml"

// wishes are what the user gives this time: the file, over it the environment,
// over that flags.
type wishes struct {
	config *config.Config
	source *config.Source // where what is in the file
	file   string         // "" if there is none
	dir    string         // what paths in the configuration are relative to
}

// readWishes reads the file and lays environment and flags over it.
func readWishes(c *command.Call, g common, flags given) (wishes, error) {
	w, err := readFile(g.Config)
	if err != nil {
		return wishes{}, err
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
			return wishes{}, err
		}
	}
	c.Mask(config.Secrets(w.config)...)
	return w, w.name(g.Name, c.Env(environmentPrefix+"NAME"))
}

// readFile reads the configuration file, if there is one.
func readFile(path string) (wishes, error) {
	w := wishes{config: &config.Config{}, dir: "."}
	name := path
	if name == "" {
		name = defaultFile
	}
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && path == "":
		return w, nil
	case err != nil:
		return wishes{}, fmt.Errorf("read the configuration: %w", err)
	}
	w.file, w.dir = name, filepath.Dir(name)
	w.config, w.source, err = config.Read(name, text)
	return w, err
}

// name takes the installation's name from wherever it is given.
func (w *wishes) name(argument, variable string) error {
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

// open reads a file that the configuration names.
func (w wishes) open(name string) ([]byte, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(w.dir, name)
	}
	return os.ReadFile(name)
}
