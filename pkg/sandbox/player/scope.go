package player

import "encoding/json"

// scope is where Concourse keeps the versions of a resource: one for each source
// and image of the type. With another it begins without versions.
type scope struct {
	key      string    // of source and type
	hash     string    // with which its versions are kept
	versions []Version // oldest first
}

// scope is the one of a resource as it is configured now.
func (p *Player) scope(c config, r resource, source any) *scope {
	described := []any{source, r.Type}
	for _, t := range c.ResourceTypes {
		if t.Name == r.Type {
			described = append(described, t)
		}
	}
	text, _ := json.Marshal(described) // it was decoded from JSON
	if in := p.known[r.Name]; in != nil && in.key == string(text) {
		return in
	}
	in := &scope{key: string(text)}
	if hasher, is := p.ATC.(Hasher); is {
		in.hash = hasher.Hash()
	}
	p.known[r.Name] = in
	return in
}

func (s *scope) newest() Version { return s.versions[len(s.versions)-1] }

// id is how a build's input refers to a version: by its hash. A scope that an ATC
// has made after its upgrade from 7.x to 8.x hashes with SHA-256, while the inputs
// of past builds are known by MD5. So each job with trigger runs once more with a
// version that it has had.
func (s *scope) id(v Version) string { return s.hash + " " + v.key() }
