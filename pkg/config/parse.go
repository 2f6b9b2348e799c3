package config

import "github.com/perpetual-ci/perpetual/pkg/config/schema"

// Parse reads the text of a perpetual.yml; name is what errors call it. Every key is
// known, and every value has its type and form, or the error is schema.Problems with a
// line for each. What the file does not say stays unset. A value null asks for the
// default: its key is in Reset. Whether the whole makes sense says check.Config, after
// Merge and Defaults.
func Parse(name string, text []byte) (*Config, error) {
	c, _, err := Read(name, text)
	return c, err
}

// Read is Parse that also says where each key is, for problems that show later. The
// Source is never nil.
func Read(name string, text []byte) (*Config, *schema.Source, error) {
	c, source, problems, err := Survey(name, text)
	switch {
	case err != nil:
		return nil, source, err
	case len(problems) > 0:
		return nil, source, problems
	}
	return c, source, nil
}

// Survey is Read for who wants to know everything at once: of a file with problems
// it gives the rest, too. It fails where the text is not YAML.
func Survey(name string, text []byte) (*Config, *schema.Source, schema.Problems, error) {
	r, err := Keys().Read(name, text)
	if err != nil {
		return nil, r.Source, nil, err
	}
	r.Value.Reset = r.Nulls
	return r.Value, r.Source, r.Problems, nil
}
