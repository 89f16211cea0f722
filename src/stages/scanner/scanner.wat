;; Passes over mail data, 16 octets at a time. `deno task scanner --write` assembles this file into
;; scanner_wasm.ts.
;;
;; Nobody has to decide about an LF behind a CR, nor about anything else but a dot or a NUL behind
;; an LF. So for each octet `here` and the one `before` it:
;;
;;   odd = (here is LF) xor (before is CR)
;;      or (before is LF) and (here is a dot or NUL)
;;
;; The first odd octet ends the pass. A bare CR is seen by the octet behind it, one too late.
(module
  ;; Chunks are copied to its start, or read from a socket into all of it: 256 KiB.
  (memory (export "memory") 4)

  ;; From $from up to $end at the most, whole blocks of 16 only; $before is the octet before $from.
  ;; Returns the first place that it has not passed: an octet to be decided about, or what is left
  ;; of the last block. It never parts a CR from the octet behind it.
  (func (export "skip") (param $before i32) (param $from i32) (param $end i32) (result i32)
    (local $at i32)
    (local $here v128)
    (local $previous v128)
    (local $odd v128)

    (local.set $at (local.get $from))
    ;; Of the block before, only the last octet counts.
    (local.set $previous (i8x16.splat (local.get $before)))

    (block $stopped
      (loop $block
        (br_if $stopped
          (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 16)))

        (local.set $here (v128.load (local.get $at)))
        ;; The block one octet earlier: the last of the one before, and 15 of this.
        (local.set $previous
          (i8x16.shuffle 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30
            (local.get $previous)
            (local.get $here)))

        (local.set $odd
          (v128.or
            (v128.xor
              (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0x0a)))
              (i8x16.eq (local.get $previous) (i8x16.splat (i32.const 0x0d))))
            (v128.and
              (i8x16.eq (local.get $previous) (i8x16.splat (i32.const 0x0a)))
              (v128.or
                (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0x2e)))
                (i8x16.eq (local.get $here) (i8x16.splat (i32.const 0x00)))))))

        (if (v128.any_true (local.get $odd))
          (then
            (local.set $at
              (i32.add
                (local.get $at)
                (i32.ctz (i8x16.bitmask (local.get $odd)))))
            (br $stopped)))

        (local.set $previous (local.get $here))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $block)))

    ;; Back to a CR: it is bare, or its LF is not in a whole block any more.
    (if (i32.gt_u (local.get $at) (local.get $from))
      (then
        (local.set $at
          (i32.sub
            (local.get $at)
            (i32.eq
              (i32.load8_u (i32.sub (local.get $at) (i32.const 1)))
              (i32.const 0x0d))))))
    (local.get $at)))
