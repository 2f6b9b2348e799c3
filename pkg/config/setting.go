package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/nearest"
)

// Setting is a key that the environment, and mostly a flag too, may set.
type Setting struct {
	Key    string // "workers.instance_types"
	Flag   string // "workers-instance-types", without the dashes before it; "" for secrets, which a list of processes would show
	Env    string // "PERPETUAL_WORKERS_INSTANCE_TYPES"
	Help   string // one sentence without a full stop
	Secret bool
	List   bool // several values with commas between them
}

// Settings lists what flags and the environment may set, in the order of the file:
// every single value, and every list of such. Maps are set in the file only.
func Settings() []Setting {
	var all []Setting
	for _, f := range Keys().Fields() {
		if f.Key == "schema" || f.Rule.Type == "object" {
			continue
		}
		s := Setting{
			Key:    f.Key,
			Flag:   strings.NewReplacer(".", "-", "_", "-").Replace(f.Key),
			Env:    "PERPETUAL_" + strings.ToUpper(strings.ReplaceAll(f.Key, ".", "_")),
			Help:   f.Rule.Sentence(),
			Secret: f.Rule.Secret,
			List:   f.Rule.Type == "array",
		}
		if s.Secret {
			s.Flag = ""
		}
		all = append(all, s)
	}
	return all
}

// Apply sets key in c to what text says: a number, true or false, a list with commas,
// or null for the default. Source is where the text comes from, such as
// "--workers-count" or "PERPETUAL_WORKERS_COUNT"; errors begin with it, and never show
// a secret. What begins with a dash is a flag, which sets no secret.
func Apply(c *Config, source, key, text string) error {
	settings := Settings()
	i := slices.IndexFunc(settings, func(s Setting) bool { return s.Key == key })
	f, known := Keys().Field(key)
	switch {
	case !known:
		return fmt.Errorf("%s: %s is not a key of perpetual.yml%s", source, key, meant(key, settings))
	case i < 0:
		return fmt.Errorf("%s: %s is set in perpetual.yml only", source, key)
	case settings[i].Secret && strings.HasPrefix(source, "-"):
		return fmt.Errorf("%s: %s is a secret, and flags are visible to others; set it in perpetual.yml or as %s", source, key, settings[i].Env)
	}
	if text == "null" {
		f.Clear(c)
		c.Reset = append(c.Reset, key)
		return nil
	}
	value, err := f.Rule.Parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	problems, err := Keys().CheckValue(key, value)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s: %s", source, problems[0].Text)
	}
	return f.Assign(c, value)
}

// meant is a hint to the key that was likely meant.
func meant(key string, settings []Setting) string {
	var keys []string
	for _, s := range settings {
		keys = append(keys, s.Key)
	}
	if question := nearest.Question(key, keys); question != "" {
		return "; " + question
	}
	return ""
}
