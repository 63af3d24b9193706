import { zodResolver } from '@hookform/resolvers/zod';
import * as z from 'zod/mini';
import { MIN_LENGTH } from './strength';

// Only what can be said before asking; the platform checks the rest and its answers are shown at the fields.
const schema = z
  .object({
    username: z.string().check(z.trim(), z.minLength(3, 'Use at least 3 characters.')),
    email: z
      .string()
      .check(z.trim(), z.regex(/^\S+@\S+\.\S+$/, 'Enter an e-mail address, such as ada@example.org.')),
    password: z.string().check(z.minLength(MIN_LENGTH, `Use at least ${MIN_LENGTH} characters.`)),
    confirmation: z.string().check(z.minLength(1, 'Repeat the password.')),
  })
  .check(
    z.refine(({ password, confirmation }) => password === confirmation, {
      path: ['confirmation'],
      message: 'The two passwords differ.',
    }),
  );

export type Values = z.infer<typeof schema>;

export default zodResolver(schema);
