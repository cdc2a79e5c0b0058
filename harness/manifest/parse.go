package manifest

import "fmt"

// Parse reads a manifest. File is its name in errors, dir the folder that
// ${dir} stands for.
func Parse(data []byte, file, dir string) (Manifest, error) {
	return Manifest{}, fmt.Errorf("%s: parsing is being written", file)
}

func (m Manifest) errorf(line int, key, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s %s", m.File, line, key, fmt.Sprintf(format, args...))
}
