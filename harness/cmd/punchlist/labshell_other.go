//go:build !linux

package main

import "errors"

func shellIn(shellFlags) (shellOn, error) {
	return nil, errors.New("a shell in a lab needs Linux")
}
